"""The job queue: background jobs that survive a restart, in PostgreSQL, by PgQueuer."""
