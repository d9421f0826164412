"""A stream: one broadcast, created by `liveStream`. It outlives the connections that publish to it. Also the errors of
streams."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import StreamId, UserId
from control_plane.streams.media.model import PathName, SourceId


class Status(StrEnum):
    """Status of a stream: `created → live ⇄ interrupted → ended`."""

    CREATED = "created"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"


class EndReason(StrEnum):
    OWNER = "owner"
    GRACE_OVER = "grace_over"
    REPLACED = "replaced"
    OPERATOR = "operator"
    NEVER_PUBLISHED = "never_published"


class Visibility(StrEnum):
    PUBLIC = "public"
    FOLLOWERS = "followers"
    PRIVATE = "private"
    PIN = "pin"
    PAID = "paid"


class StreamNotFound(ControlPlaneError):
    """The stream does not exist, or this caller may not know of it."""

    code = "stream_not_found"
    kind = ErrorKind.NOT_FOUND


class StreamOver(ControlPlaneError):
    """The stream has ended and cannot change any more."""

    code = "stream_over"
    kind = ErrorKind.REFUSED


class NotYourStream(ControlPlaneError):
    """Only the owner and operators may do this."""

    code = "not_your_stream"
    kind = ErrorKind.FORBIDDEN


class StreamNotOpen(ControlPlaneError):
    """The stream is not public, and this caller may not join it."""

    code = "stream_not_open"
    kind = ErrorKind.FORBIDDEN


class HasUnfinishedStream(ControlPlaneError):
    """A user has at most one stream that has not ended."""

    code = "has_unfinished_stream"
    kind = ErrorKind.CONFLICT


class VisibilityNotAvailable(ControlPlaneError):
    """The media server admits only viewers of public streams, so a stream with this visibility could not be watched,
    even by its host."""

    code = "visibility_not_available"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Private streams are not available yet. Please go live with a public one.")


@dataclass(frozen=True, slots=True)
class Stream:
    id: StreamId
    user_id: UserId
    path: PathName
    status: Status
    key_version: int
    key_salt: bytes
    """Random, unique to this row, and new with each version. Everything signed for this stream is signed over it."""
    visibility: Visibility
    price: int
    title: str
    grace_s: int
    source_id: SourceId | None
    """The publisher's connection while `live`."""
    local_start: str
    created_at: dt.datetime
    live_at: dt.datetime | None
    """Time of the first publish."""
    interrupted_at: dt.datetime | None
    ended_at: dt.datetime | None
    end_reason: EndReason | None
    revoked_at: dt.datetime | None
    """Time of the last rotation, or of the end. For operators only: the key's version decides which publishers are
    disconnected."""
    coins: int
    likes: int
    peak_viewers: int
    playing: bool | None = None
    """Whether media really flowed when a probe last checked the present publisher; None if unknown. The `Prober` of
    this process has newer results."""
    playing_note: str = ""
    """What viewers missed at that time, and what the broadcaster can change; "" without a problem."""

    @property
    def ended(self) -> bool:
        return self.status is Status.ENDED

    def duration_s(self) -> int:
        """Seconds from the first publish to the end; 0 while it runs, and if it was never published."""
        if self.live_at is None or self.ended_at is None:
            return 0
        return int((self.ended_at - self.live_at).total_seconds())


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a broadcaster chooses when going live. Limits are checked by the parser, and again by the database."""

    title: str = ""
    visibility: Visibility = Visibility.PUBLIC
    pin_hash: str | None = None
    price: int = 0
    grace_s: int = 60
    local_start: str = ""
