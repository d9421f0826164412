"""Initial data of a new database: gifts and coin packages, and in development mode a small town of demo users."""
