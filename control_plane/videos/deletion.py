"""Deletion of videos: hidden at once, and removed with its files by a job after a grace.

The grace is for restored backups: a database that is as old as the grace still finds the files of its videos. Files of
equal uploads stay as long as one of their videos does.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.retention import delete_entries_of_video
from control_plane.jobs.kind import job
from control_plane.storage.files import Files
from control_plane.videos import deletion_store as store
from control_plane.videos.comments import removal_store as comments
from control_plane.videos.reactions import removal_store as reactions
from control_plane.videos.video import VideoId, VideoNotFound
from control_plane.videos.views import removal_store as views

log = logging.getLogger(__name__)

BATCH = 5000
"""Rows about one video that are deleted by one statement. More: a slow disk misses the statement's deadline. Fewer: more
statements."""
AT_ONCE = 100
"""Videos read at once."""


@dataclass(frozen=True, slots=True)
class VideoDeletion:
    database: Database
    files: Files
    grace: dt.timedelta
    clock: Clock = utc_now

    async def delete(self, user_id: UserId, video_id: VideoId) -> None:
        """Raises VideoNotFound for the videos of others."""
        async with self.database.transaction() as connection:
            if not await store.own(connection, user_id, video_id) or not await store.hide(connection, [video_id]):
                raise VideoNotFound
            await delete_entries_of_video.enqueue(connection, video_id=video_id)
        log.info("video_deleted", extra={"video": video_id, "user": user_id})

    async def remove_due(self) -> None:
        """Remove what was deleted before the grace. A video that cannot be removed does not keep the others: its error is
        raised after them."""
        before = self.clock() - self.grace
        failed: list[VideoId] = []
        failure: Exception | None = None
        while video_ids := await store.due(self.database, before, failed, AT_ONCE):
            for video_id in video_ids:
                try:
                    await self._remove(video_id)
                except Exception as error:  # of the database or of one of its rows
                    log.exception("video_not_removed", extra={"video": video_id})
                    failed.append(video_id)
                    failure = error
        if failure is not None:
            raise failure

    async def _remove(self, video_id: VideoId) -> None:
        for about in (views, comments, reactions):  # there may be millions of rows
            await about.forget_video(self.database, video_id, BATCH)
        async with self.database.transaction() as connection:
            content_id = await store.remove(connection, video_id)
            if content_id is not None:
                for used_by in await store.remove_unused_content(connection, content_id):
                    await self.files.use(connection, used_by, [])
        log.info("video_removed", extra={"video": video_id})


async def remove(connection: Connection, video_id: VideoId) -> None:
    """An operator's removal: delete this video and all of equal uploads, which are refused from now on."""
    for hidden in await store.hide(connection, await store.refuse(connection, video_id)):
        await delete_entries_of_video.enqueue(connection, video_id=hidden)


@job(every="*/10 * * * *")
async def remove_deleted_videos(deletion: VideoDeletion) -> None:
    await deletion.remove_due()
