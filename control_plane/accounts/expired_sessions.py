"""Deletes the rows of sessions whose last token has expired."""

from __future__ import annotations

from control_plane.accounts import session_store
from control_plane.base.clock import utc_now
from control_plane.db.pool import Database
from control_plane.jobs.kind import job

BATCH = 5000
"""Sessions deleted by one statement. More: a slow disk misses the statement's deadline. Fewer: more statements."""


@job(every="41 * * * *")
async def delete_expired_sessions(database: Database) -> None:
    while await session_store.delete_expired(database, utc_now(), BATCH):
        pass
