"""A short video: what its row, its content and its counters say."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import NewType

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.social.model import Viewer

VideoId = NewType("VideoId", int)
ContentId = NewType("ContentId", int)


class VideoNotFound(ControlPlaneError):
    """There is no such video, or the caller may not see it."""

    code = "video_not_found"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such video.")


class State(StrEnum):
    PROCESSING = "processing"
    """Only the owner sees it."""
    READY = "ready"
    FAILED = "failed"
    """The upload could not be decoded. Only the owner sees it, and why."""


class Privacy(StrEnum):
    PUBLIC = "public"
    FRIENDS = "friends"
    """For users who follow the owner and whom the owner follows."""
    PRIVATE = "private"


class Sound(msgspec.Struct, frozen=True):
    id: int
    name: str
    description: str
    audio: str
    picture: str
    duration_ms: int
    uploaded_by: str
    created_at: dt.datetime
    total_videos: int


class Content(msgspec.Struct, frozen=True):
    """The files of a video: names in storage, private ones. The demo's clips are public files of the server. "": not there
    yet."""

    media: str
    small: str
    poster: str
    preview: str
    width: int
    height: int
    duration_ms: int
    progress: int
    """Percent of the processing."""
    failure: str
    """Why it failed, in words for its owner."""


class Counts(msgspec.Struct, frozen=True):
    likes: int
    comments: int
    favourites: int
    reposts: int
    shares: int
    views: int


class Mine(msgspec.Struct, frozen=True):
    """What the viewer has done with the video."""

    liked: bool
    favourite: bool
    reposted: bool


class Place(msgspec.Struct, frozen=True):
    id: int
    name: str
    string: str
    """The address."""
    latitude: float | None
    longitude: float | None
    """Of the video there."""
    google_place_id: str
    created_at: dt.datetime


class Video(msgspec.Struct, frozen=True):
    id: VideoId
    user_id: UserId
    viewer_id: Viewer
    """For whom it was read."""
    description: str
    state: State
    privacy: Privacy
    hidden: bool
    """Not in the feeds: the account is private, banned or deleted."""
    allow_comments: bool
    allow_duet: bool
    story: bool
    pinned: bool
    pin_comment_id: int
    """0: no comment is pinned."""
    duet_of: VideoId | None
    duet_user_id: UserId | None
    """The owner of the video that this duet answers."""
    latitude: float | None
    longitude: float | None
    created_at: dt.datetime
    content: Content
    sound: Sound | None
    place: Place | None
    counts: Counts
    mine: Mine
