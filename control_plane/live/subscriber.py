"""One socket, as the hub sees it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from control_plane.base.ids import Seq, StreamId, UserId

QUEUE_LIMIT_BYTES = 256 << 10
STATE_LIMIT_BYTES = 16 << 10


class Leave(StrEnum):
    """Why the hub lets a socket go. It has forgotten it by then."""

    ENDED = "ended"
    """The stream is over, and the socket has been told so."""
    TOO_SLOW = "too_slow"
    RESET = "reset"
    """The stream's log was lost or reset: whoever comes back gets the new one."""


class Sink(Protocol):
    """The way out to one client. Neither waits nor raises: what cannot be sent is the sink's own affair."""

    def write(self, frames: bytes) -> None:
        """One or more finished WebSocket frames."""
        ...

    def buffered_bytes(self) -> int:
        """Written, and not yet taken by the operating system."""
        ...

    def leave(self, why: Leave) -> None: ...


class Subscriber:
    """`held` collects what happens while its snapshot is being read; from then on `seq` is the number of the last event written to it."""

    __slots__ = ("allowed_bytes", "held", "seq", "sink", "stats", "stream_id", "user_id")

    def __init__(self, stream_id: StreamId, sink: Sink, user_id: UserId | None) -> None:
        self.stream_id = stream_id
        self.sink = sink
        self.user_id = user_id
        self.seq: Seq | None = None
        self.held: list[bytes] = []
        self.stats: bytes = b""
        self.allowed_bytes = QUEUE_LIMIT_BYTES

    def is_slow(self) -> bool:
        """Whether what was written before is still waiting beyond the limit. Asked before a write, not after it: what has just been written
        has had no chance to leave, and a replay may exceed the limit by itself."""
        buffered = self.sink.buffered_bytes()
        if buffered <= QUEUE_LIMIT_BYTES:
            self.allowed_bytes = QUEUE_LIMIT_BYTES
        return buffered > self.allowed_bytes

    def is_behind(self) -> bool:
        """Whether state, which the next one replaces, should rather wait."""
        return self.sink.buffered_bytes() > STATE_LIMIT_BYTES
