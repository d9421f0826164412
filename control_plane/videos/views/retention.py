"""The job that deletes old views: who saw which video for how long."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.clock import Clock, utc_now
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.videos.views import removal_store as store

BATCH = 5000
"""Views deleted by one statement. More: a slow disk misses the statement's deadline. Fewer: more statements."""


@dataclass(frozen=True, slots=True)
class ViewRetention:
    database: Database
    days: int
    clock: Clock = utc_now


@job(every="47 * * * *")
async def delete_old_views(retention: ViewRetention) -> None:
    before = retention.clock() - dt.timedelta(days=retention.days)
    while await store.delete_old(retention.database, before, BATCH) == BATCH:
        pass
