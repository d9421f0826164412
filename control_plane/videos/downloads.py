"""Downloads of videos: the copy with a watermark, which a job makes when it is first asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.storage.model import FileName, is_private
from control_plane.videos import downloads_store as store
from control_plane.videos.processing.watermark import enqueue
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import State, Video, VideoId, VideoNotFound

WAIT_S = 45.0
"""Longer: apps give up the call. Shorter: users ask again for what would have been there."""
LOOK_S = 0.5
"""Time between two looks. Longer: a copy that is ready waits. Shorter: more queries."""


class DownloadRefused(ControlPlaneError):
    code = "download_refused"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The owner of this video does not allow downloads.")


class NotMadeYet(ControlPlaneError):
    """The copy is being made, or its video still is."""

    code = "download_not_made_yet"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The video is being prepared. Please try again in a moment.")


@dataclass(frozen=True, slots=True)
class Download:
    video: Video
    name: FileName
    """In storage; of a demo's clip a public file."""


class Downloads:
    def __init__(self, database: Database, wait_s: float = WAIT_S) -> None:
        self._database = database
        self._wait_s = wait_s
        self._waiting: Counter[UserId] = Counter()
        """Calls of each user that wait for a copy."""

    async def of(self, user_id: UserId, video_id: VideoId) -> Download:
        """Returns when the copy is there. Raises VideoNotFound, DownloadRefused and NotMadeYet."""
        video = (await seen_by_ids(self._database, user_id, [video_id])).get(video_id)
        if video is None:
            raise VideoNotFound
        if not await store.may_download(self._database, user_id, video_id):
            raise DownloadRefused
        if video.state is not State.READY:
            raise NotMadeYet
        if not is_private(video.content.media):
            return Download(video, FileName(video.content.media))
        return Download(video, await self._watermarked(user_id, video_id))

    async def _watermarked(self, user_id: UserId, video_id: VideoId) -> FileName:
        name = await store.watermarked(self._database, video_id)
        if name:
            return name
        with self._one_more(user_id) as others:
            async with self._database.transaction() as connection:
                await enqueue(connection, await store.content_of(connection, video_id), priority=-others)
            return await self._made(video_id)

    @contextmanager
    def _one_more(self, user_id: UserId) -> Iterator[int]:
        """The user waits for one more copy. Yields for how many others."""
        self._waiting[user_id] += 1
        try:
            yield self._waiting[user_id] - 1
        finally:
            self._waiting[user_id] -= 1
            if not self._waiting[user_id]:
                del self._waiting[user_id]

    async def _made(self, video_id: VideoId) -> FileName:
        """Raises NotMadeYet."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._wait_s
        while not (name := await store.watermarked(self._database, video_id)):
            if loop.time() >= end:
                raise NotMadeYet
            await asyncio.sleep(LOOK_S)
        return name
