"""Pinned videos stand above the others on their owner's profile."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.videos import store
from control_plane.videos.video import VideoId, VideoNotFound


async def pin(database: Database, video_id: VideoId, user_id: UserId, *, pinned: bool) -> None:
    """Raises VideoNotFound for the videos of others."""
    if not await store.pin(database, video_id, user_id, pinned=pinned):
        raise VideoNotFound
