"""What a user did with a video."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, Id, WireTime, wire_time
from control_plane.base.ids import UserId
from control_plane.videos.reactions.store import Mark


class VideoFavourite(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id
    video_id: Id
    created: WireTime = NO_TIME

    @classmethod
    def of(cls, mark: Mark | None, user_id: UserId, video_id: int) -> VideoFavourite:
        """`mark`: None where there was nothing to remove."""
        if mark is None:
            return cls(user_id=user_id, video_id=video_id)
        return cls(id=mark.id, user_id=user_id, video_id=video_id, created=wire_time(mark.created_at))
