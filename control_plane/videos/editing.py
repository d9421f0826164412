"""What the owner of a video changes about it without another upload: who sees it, what others may do, and its pin."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.videos import store
from control_plane.videos.video import Privacy, VideoId, VideoNotFound


async def set_details(
    database: Database, video_id: VideoId, user_id: UserId, privacy: Privacy, *, allow_comments: bool, allow_duet: bool
) -> None:
    """The addresses of the files end for those who no longer see the video. Raises VideoNotFound."""
    if not await store.set_details(
        database, video_id, user_id, privacy, allow_comments=allow_comments, allow_duet=allow_duet
    ):
        raise VideoNotFound


async def pin(database: Database, video_id: VideoId, user_id: UserId, *, pinned: bool) -> None:
    """Whether the video stands above the others on its owner's profile. Raises VideoNotFound."""
    if not await store.pin(database, video_id, user_id, pinned=pinned):
        raise VideoNotFound
