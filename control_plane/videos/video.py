"""A short video of the feed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NewType

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId

VideoId = NewType("VideoId", int)


class VideoNotFound(ControlPlaneError):
    """There is no such video, or the caller may not see it."""

    code = "video_not_found"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such video.")


@dataclass(frozen=True, slots=True)
class Sound:
    id: int
    name: str
    description: str
    audio: str
    picture: str
    duration_ms: int
    uploaded_by: str
    created_at: dt.datetime
    total_videos: int


@dataclass(frozen=True, slots=True)
class Video:
    """`media`, `thumbnail` and `preview` are file names below `/media/`."""

    id: VideoId
    user_id: UserId
    description: str
    media: str
    thumbnail: str
    preview: str
    sound: Sound | None
    duration_ms: int
    width: int
    height: int
    privacy: str
    allow_comments: bool
    allow_duet: bool
    views: int
    created_at: dt.datetime
