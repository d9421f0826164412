"""A stream: what one `liveStream` call makes. It outlives the connections that publish to it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import StreamId, UserId
from control_plane.eventlog.types import EndReason, Status
from control_plane.streams.media.model import PathName, SourceId


class Visibility(StrEnum):
    PUBLIC = "public"
    FOLLOWERS = "followers"
    PRIVATE = "private"
    PIN = "pin"
    PAID = "paid"


class StreamNotFound(ControlPlaneError):
    """No such stream, or none that this caller may know of."""

    code = "stream_not_found"
    kind = ErrorKind.NOT_FOUND


class StreamOver(ControlPlaneError):
    """The stream has ended; nothing about it changes any more."""

    code = "stream_over"
    kind = ErrorKind.REFUSED


class NotYourStream(ControlPlaneError):
    """Only the owner and operators may do this."""

    code = "not_your_stream"
    kind = ErrorKind.FORBIDDEN


class StreamNotOpen(ControlPlaneError):
    """The stream is not public, and this caller has no way in."""

    code = "stream_not_open"
    kind = ErrorKind.FORBIDDEN


class VisibilityNotAvailable(ControlPlaneError):
    """The media server admits viewers of public streams only, so nobody could watch such a stream, not even its host."""

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
    """Random, of this row alone, and new with each version: what is signed for this stream is signed over it too."""
    visibility: Visibility
    price: int
    title: str
    grace_s: int
    source_id: SourceId | None
    """The publisher's connection while `live`."""
    local_start: str
    created_at: dt.datetime
    live_at: dt.datetime | None
    """First publish."""
    interrupted_at: dt.datetime | None
    ended_at: dt.datetime | None
    end_reason: EndReason | None
    revoked_at: dt.datetime | None
    """Of the last rotation, or of the end. For people: who is put out is decided by the key's version."""
    coins: int
    likes: int
    peak_viewers: int
    playing: bool | None = None
    """Whether media truly flowed when a probe last looked at the present publisher; None: not known. What the `Prober` of this process
    says is newer."""
    playing_note: str = ""
    """What viewers missed then, and what the broadcaster can change; "" when all was well."""

    @property
    def ended(self) -> bool:
        return self.status is Status.ENDED

    def duration_s(self) -> int:
        """From the first publish to the end; 0 while it runs, and for what never published."""
        if self.live_at is None or self.ended_at is None:
            return 0
        return int((self.ended_at - self.live_at).total_seconds())


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a broadcaster decides when going live. Bounds are checked where they are parsed and again by the database."""

    title: str = ""
    visibility: Visibility = Visibility.PUBLIC
    pin_hash: str | None = None
    price: int = 0
    grace_s: int = 60
    local_start: str = ""
