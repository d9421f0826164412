"""How long unpublished and interrupted streams have waited for their publisher."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from control_plane.base.ids import StreamId
from control_plane.streams.model import Status, Stream

_Wait = tuple[Status, dt.datetime | None]


def _wait_of(stream: Stream) -> _Wait:
    """Identifies what the stream waits for. Each interruption is a separate wait, even if no pass saw it live in
    between."""
    return stream.status, stream.interrupted_at


@dataclass(slots=True)
class Waits:
    """How long each stream has waited, as this process has seen it. Waits restart after a downtime of this process or
    of the media server."""

    since: dict[StreamId, tuple[_Wait, float]] = field(default_factory=dict)

    def note(self, stream: Stream, now: float, *, watched: bool) -> None:
        """Note that the stream has no publisher. `watched`: viewers are on its live socket, which keeps an unpublished
        stream waiting."""
        wait, _ = self.since.get(stream.id, (None, now))
        if wait != _wait_of(stream) or (watched and stream.status is Status.CREATED):
            self.since[stream.id] = (_wait_of(stream), now)

    def waited_s(self, stream: Stream, now: float) -> float:
        wait, since = self.since.get(stream.id, (None, now))
        return now - since if wait == _wait_of(stream) else 0.0

    def restart(self, now: float) -> None:
        self.since = {stream_id: (wait, now) for stream_id, (wait, _) in self.since.items()}

    def forget(self, streams: Iterable[Stream]) -> None:
        """Forget all but these streams."""
        for stream_id in self.since.keys() - {stream.id for stream in streams}:
            del self.since[stream_id]
