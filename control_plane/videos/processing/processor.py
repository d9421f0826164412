"""Makes the files of contents, and makes the videos ready that wait for them.

Whatever is killed when, the next run of the job ends the work: files are stored before one transaction writes their
names, the state of the content and of its videos, and enqueues the job that tells users. Files of a run that did not get
so far have no use, and are deleted after a day.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from contextlib import suppress

from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_all_within
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.inbox.model import Kind
from control_plane.inbox.own_matters import tell_of_own
from control_plane.jobs.kind import Postponed
from control_plane.storage.files import Files
from control_plane.storage.model import StorageUnavailable
from control_plane.storage.space import NoRoomForUploads
from control_plane.videos import processing_store as store
from control_plane.videos.processing.encoder import Encoder, Made, Source
from control_plane.videos.processing.job import enqueue_again
from control_plane.videos.processing.model import GIVEN_UP, NotAVideo
from control_plane.videos.processing.telling import tell_of_post
from control_plane.videos.video import ContentId, State

log = logging.getLogger(__name__)

WAITS_S = (10.0, 20.0, 40.0)
"""Waiting times while the disk is full or storage does not answer. Longer: videos wait after the end of the outage.
Shorter: more work is done in vain, because the encoding begins again."""
POSTPONED_BY = dt.timedelta(minutes=5)
"""Then others have its place: a video whose files never fit must not hold up those that do."""
GIVEN_UP_AT_ONCE = 100
"""Contents read by one statement."""


class _NotAwaited(Exception):
    """All its videos were deleted, or another worker ended it."""


class Processor:
    """Implements `job.Processor`."""

    def __init__(self, database: Database, files: Files, encoder: Encoder) -> None:
        self._database = database
        self._files = files
        self._encoder = encoder

    async def process(self, content_id: ContentId) -> None:
        """While the disk is full or storage does not answer, it waits: no attempts are counted, and no video fails. Raises
        Postponed."""
        waits_s = iter(WAITS_S)
        while (content := await self._awaited(content_id)) is not None:
            try:
                await self._make(content)
            except _NotAwaited:
                continue  # looks again: an equal upload may have come meanwhile
            except (NoRoomForUploads, StorageUnavailable) as error:
                wait_s = next(waits_s, None)
                in_s = wait_s or POSTPONED_BY.total_seconds()
                log.warning("video_waits", extra={"content": content_id, "why": str(error), "in_s": in_s})
                if wait_s is None:
                    raise Postponed(POSTPONED_BY) from error
                await asyncio.sleep(wait_s)
            except NotAVideo as refused:
                log.warning("video_failed", extra={"content": content_id, "why": str(refused.__cause__ or refused)})
                async with self._database.transaction() as connection:
                    if await store.fail(connection, content_id, str(refused)):
                        await self._settle(connection, content_id)
        async with self._database.transaction() as connection:
            await self._settle(connection, content_id)

    async def give_up(self, age: dt.timedelta) -> None:
        last = ContentId(0)
        while content_ids := await store.overdue(self._database, age, last, GIVEN_UP_AT_ONCE):
            for last in content_ids:
                await self._give_up(last)

    async def _give_up(self, content_id: ContentId) -> None:
        async with self._database.transaction() as connection:
            content = await store.locked(connection, content_id)
            is_processing = content is not None and content.state is State.PROCESSING
            if is_processing and await enqueue_again(connection, content_id):  # its job was dead
                await store.fail(connection, content_id, GIVEN_UP)  # which the enqueued job tells
                log.error("video_given_up", extra={"content": content_id})

    async def _awaited(self, content_id: ContentId) -> store.Stored | None:
        """The content, if a video waits for its files."""
        async with self._database.transaction() as connection:
            owners = await store.set_progress(connection, content_id, 0)
            await notify_all_within(connection, Topic.PERSON, owners)
            return await store.content(connection, content_id) if owners else None

    async def _make(self, content: store.Stored) -> None:
        async def told(percent: int) -> None:
            await self._progress(content.id, percent)

        upload = Source(self._files.storage.read(content.original), content.bytes)
        async with self._encoder.encoded(upload, told) as made:
            await self._finish(content.id, made)

    async def _progress(self, content_id: ContentId, percent: int) -> None:
        """Without a database the work goes on."""
        with suppress(DatabaseUnavailable):
            async with self._database.transaction() as connection:
                owners = await store.set_progress(connection, content_id, percent)
                if not owners:
                    raise _NotAwaited
                await notify_all_within(connection, Topic.PERSON, owners)

    async def _finish(self, content_id: ContentId, made: Made) -> None:
        add = self._files.add
        media = await add("videos", made.media, "mp4", owner=None, public=False)
        same = made.small == made.media
        small = media if same else await add("videos", made.small, "mp4", owner=None, public=False)
        poster = await add("posters", made.poster, "jpg", owner=None, public=False)
        preview = await add("previews", made.preview, "gif", owner=None, public=False)
        files = store.Files(media, small, poster, preview)
        async with self._database.transaction() as connection:
            content = await store.locked(connection, content_id)
            if content is None or content.state is not State.PROCESSING:
                raise _NotAwaited
            size = {"width": made.width, "height": made.height}
            await store.finish(connection, content_id, files, **size, duration_ms=made.duration_ms)
            await self._files.use(connection, f"video_content/{content_id}/files", set(files))
            await self._files.use(connection, f"video_content/{content_id}/original", [])
            await self._settle(connection, content_id)

    async def _settle(self, connection: Connection, content_id: ContentId) -> None:
        """Give the videos that wait for the content its state, and tell their owners and those who follow them."""
        content = await store.locked(connection, content_id)
        if content is None or content.state is State.PROCESSING:
            return
        settled = await store.settle(connection, content_id, content.state)
        if content.state is State.READY:
            for video in settled:
                if video.first:
                    await tell_of_post.enqueue(connection, video_id=video.id)
            await notify_all_within(connection, Topic.PERSON, {video.user_id for video in settled})
        else:
            for video in sorted(settled, key=lambda video: video.user_id):  # inboxes are locked in this order
                await tell_of_own(connection, Kind.VIDEO_FAILED, video.id, content.failure, [video.user_id])
