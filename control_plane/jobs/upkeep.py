"""The queue's own scheduled job: deletes what is known of jobs that were done some time ago."""

from __future__ import annotations

import datetime as dt

from control_plane.db.pool import Database
from control_plane.jobs import store
from control_plane.jobs.kind import job

KEPT = dt.timedelta(days=14)
LINES = 5000
"""Deleted by one statement."""


@job(every="47 * * * *")
async def delete_old_history(database: Database) -> None:
    while await store.delete_history(database, KEPT, LINES):
        pass
