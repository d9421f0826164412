"""Deletes the history of jobs that were done some time ago."""

from __future__ import annotations

import datetime as dt

from control_plane.db.pool import Database
from control_plane.jobs import store
from control_plane.jobs.kind import job

KEPT = dt.timedelta(days=14)
LINES = 5000
"""Rows deleted by one statement. More: a slow disk misses the statement's deadline."""


@job(every="47 * * * *")
async def delete_old_history(database: Database) -> None:
    while await store.delete_history(database, KEPT, LINES):
        pass
