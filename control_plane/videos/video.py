"""A short video of the feed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NewType

from control_plane.base.ids import UserId

VideoId = NewType("VideoId", int)


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
