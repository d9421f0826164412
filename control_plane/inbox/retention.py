"""Jobs of inboxes: delete old entries and those about deleted videos, and hide those of users with more entries than a ban hides at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.db.pool import Database
from control_plane.inbox import store
from control_plane.inbox.model import Kind
from control_plane.jobs.kind import job

BATCH = 5000
"""Entries changed by one statement. More: a slow disk misses the statement's deadline. Fewer: more statements."""


@dataclass(frozen=True, slots=True)
class InboxRetention:
    database: Database
    days: int


@job(every="11 * * * *")
async def delete_old_entries(retention: InboxRetention) -> None:
    while await store.delete_old(retention.database, dt.timedelta(days=retention.days), BATCH) == BATCH:
        pass


@job()
async def delete_posts_of_video(database: Database, video_id: int) -> None:
    """Of a video that fewer users see than before: what told others that it was posted, and its words."""
    kinds = [Kind.VIDEO_POST.value, Kind.MENTION.value]
    while await store.delete_of_video(database, video_id, BATCH, kinds) == BATCH:
        pass


@job()
async def delete_entries_of_video(database: Database, video_id: int) -> None:
    """Of a video that is deleted: nobody can see it any more."""
    while await store.delete_of_video(database, video_id, BATCH) == BATCH:
        pass


@job(every="* * * * *")
async def hide_more_entries(database: Database) -> None:
    more = True
    while more:
        async with database.transaction() as connection:
            more = await store.hide_more(connection, BATCH)
