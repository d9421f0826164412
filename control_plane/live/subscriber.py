"""One live socket, as the hub sees it: its sink, its position and its limits of unsent bytes."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from control_plane.base.ids import Seq, StreamId, UserId

QUEUE_LIMIT_BYTES = 256 << 10
"""Unsent bytes beyond which a socket is disconnected as too slow. Larger: slow sockets take more memory. Smaller: a
short stall of the network disconnects viewers."""
STATE_LIMIT_BYTES = 16 << 10
"""Unsent bytes beyond which a stats frame waits. Larger: slow sockets queue outdated figures. Smaller: they see figures
less often."""


class DisconnectReason(StrEnum):
    """Why the hub disconnects a socket. The hub has already removed it."""

    ENDED = "ended"
    """The stream has ended, and the socket has received that event."""
    TOO_SLOW = "too_slow"
    RESET = "reset"
    """The stream's log was lost or reset. A client that reconnects gets the new one."""


class Framing(Protocol):
    """Encoding of the transport: makes a JSON text ready for `Sink.write`. Each event is framed once, for all sinks."""

    def __call__(self, text: bytes) -> bytes: ...


class Sink(Protocol):
    """Output to one client. It neither waits nor raises; it handles failed sends itself."""

    def write(self, frames: bytes) -> None:
        """Send one or more complete frames of `Framing`."""
        ...

    def buffered_bytes(self) -> int:
        """Bytes written, and not yet accepted by the operating system."""
        ...

    def disconnect(self, why: DisconnectReason) -> None: ...


class Subscriber:
    """A socket's subscription. `held` collects frames while the snapshot is read; after that, `seq` is the number of
    the last event written."""

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
        """Whether earlier writes are still unsent beyond the limit. Checked before a write, not after it: bytes just
        written had no chance to leave, and a replay may exceed the limit by itself."""
        buffered = self.sink.buffered_bytes()
        if buffered <= QUEUE_LIMIT_BYTES:
            self.allowed_bytes = QUEUE_LIMIT_BYTES
        return buffered > self.allowed_bytes

    def is_behind(self) -> bool:
        """Whether a stats frame should wait; the next one replaces it anyway."""
        return self.sink.buffered_bytes() > STATE_LIMIT_BYTES
