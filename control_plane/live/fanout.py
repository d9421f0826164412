"""Fan-out of committed events: to the sockets of this process, and as hints over the bus to other processes, which read
the events from the log."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import Seq, StreamId
from control_plane.bus.model import Bus, Message, Topic
from control_plane.eventlog.log import Offers


class Fanout:
    """Implements `Offers`: offers events to the hub at once, and publishes them on the bus for other processes."""

    def __init__(self, hub: Offers, bus: Bus) -> None:
        self._hub = hub
        self._bus = bus

    def follow(self) -> None:
        """Subscribe the hub to the events of other processes."""
        self._bus.subscribe(Topic.EVENTS, self._received)

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        self._hub.offer(stream_id, first_seq, frames)
        self._bus.publish(stream_id, first_seq)

    def _received(self, message: Message) -> None:
        self._hub.offer(StreamId(message.id), Seq(message.first_seq), [])
