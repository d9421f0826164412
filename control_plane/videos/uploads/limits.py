"""Limits of uploaded videos: how many and how many bytes one user may upload a day, and the free space of the disk."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.storage import store
from control_plane.storage.space import Space

VIDEOS = "videos"
"""The kind in the table of counted uploads."""


class TooManyVideos(ControlPlaneError):
    """The user has uploaded as many videos, or bytes, as one may a day."""

    code = "too_many_videos"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have uploaded as much as is possible in a day. Please try again tomorrow.")


class UploadLimits:
    """`videos` and `most_bytes`: of one user and day (UTC)."""

    def __init__(self, database: Database, space: Space, videos: int, most_bytes: int) -> None:
        self._database = database
        self._space = space
        self._videos = videos
        self._most_bytes = most_bytes

    async def admit(self, user_id: UserId, size: int) -> None:
        """Whether the user may begin an upload of this size. Counts nothing. Raises TooManyVideos and
        NoRoomForUploads."""
        await self.check(user_id, size)
        await self._space.check(size)

    async def check(self, user_id: UserId, size: int) -> None:
        """Whether this is less than the user may upload today. Counts nothing. Raises TooManyVideos."""
        videos, uploaded = await store.uploads_today(self._database, user_id, VIDEOS)
        if videos >= self._videos or uploaded + size > self._most_bytes:
            raise TooManyVideos

    async def count(self, source: Connection | Database, user_id: UserId, size: int) -> None:
        """Count a video. Raises TooManyVideos."""
        if not await store.count_upload(source, user_id, VIDEOS, self._videos, size, self._most_bytes):
            raise TooManyVideos
