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

    def waited_s(self, stream: Stream, now: float) -> float:
        wait, since = self.since.get(stream.id, (None, now))
        if wait != _wait_of(stream):
            self.start(stream, now)
            return 0.0
        return now - since

    def start(self, stream: Stream, now: float) -> None:
        self.since[stream.id] = (_wait_of(stream), now)

    def restart(self, now: float) -> None:
        self.since = {stream_id: (wait, now) for stream_id, (wait, _) in self.since.items()}

    def keep(self, stream_ids: Iterable[StreamId]) -> None:
        kept = set(stream_ids)
        self.since = {stream_id: entry for stream_id, entry in self.since.items() if stream_id in kept}
