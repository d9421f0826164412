"""Where committed events go: to the sockets of this process, and as a hint to the other processes, which read them from the log."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import Seq, StreamId
from control_plane.bus.postgres import Bus, Message, Topic
from control_plane.eventlog.log import Offers


class Fanout:
    """Implements `Offers`: to the hub at once, to other processes over the bus."""

    def __init__(self, hub: Offers, bus: Bus) -> None:
        self._hub = hub
        self._bus = bus

    def follow(self) -> None:
        """From now on events of other processes are offered to the hub too."""
        self._bus.subscribe(Topic.EVENTS, self._received)

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        self._hub.offer(stream_id, first_seq, frames)
        self._bus.publish(stream_id, first_seq)

    def _received(self, message: Message) -> None:
        self._hub.offer(StreamId(message.id), Seq(message.first_seq), [])
