"""Suspensions: bans with an end, which a job ends."""

from __future__ import annotations

from control_plane.accounts import bans_store
from control_plane.base.clock import utc_now
from control_plane.db.pool import Database
from control_plane.jobs.kind import job

BATCH = 100
"""Users read at once."""


@job(every="* * * * *")
async def end_suspensions(database: Database) -> None:
    now = utc_now()
    while user_ids := await bans_store.suspensions_over(database, now, BATCH):
        for user_id in user_ids:
            async with database.transaction() as connection:
                await bans_store.end_suspension(connection, user_id, now)
