"""The live sockets of one stream in this process: delivery position, pending frames and viewers. No waiting, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from control_plane.base.errors import InvariantBroken
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.eventlog.types import EventType
from control_plane.live.figures import Stats
from control_plane.live.glimpse import glimpse
from control_plane.live.snapshot import Snapshot
from control_plane.live.subscriber import DisconnectReason, Framing, Subscriber

EARLY_LIMIT = 4096
"""Early events kept while the one before them is missing. More are dropped, because the hub can read them from the log.
Larger: a long gap takes more memory. Smaller: more events are read from the log."""
DISCONNECT_WEIGHT = 16
"""Cost of disconnecting one socket, in socket writes (see `rounds.SLICE_WEIGHT`). Larger: many disconnects take longer.
Smaller: a slice full of disconnects blocks the event loop."""


@dataclass(slots=True)
class Counts:
    """Counters of this process since its start."""

    delivered: int = 0
    """Events × live sockets."""
    found: int = 0
    """Events that no offer delivered, read from the log."""
    cut: int = 0
    """Sockets disconnected because they were too slow."""


class Channel:
    """The live sockets of one stream. `seq` is the delivery position: the number of the newest event delivered here,
    None until the first snapshot was read."""

    def __init__(self, stream_id: StreamId, counts: Counts, framing: Framing) -> None:
        self.stream_id = stream_id
        self.seq: Seq | None = None
        self.ended = False
        self.joining: set[Subscriber] = set()
        self.live: dict[Subscriber, None] = {}
        self.writing = False
        """Whether an iterator of `writes` is running."""
        self.stats_due = False
        """The figures have changed since the last stats frame."""
        self.peak = 0
        self.stored_peak = 0
        self.joined: set[UserId] = set()
        """Users who joined since the last stats frame."""
        self._counts = counts
        self._framing = framing
        self._early: dict[int, str] = {}
        self._pending: list[bytes] = []
        self._stats = b""
        self._stats_pending = False
        self._any_behind = False
        self._host_id: UserId | None = None
        self._people: Counter[UserId] = Counter()
        """Live sockets of each signed-in viewer."""
        self._guests = 0

    # ── events ──

    @property
    def has_gap(self) -> bool:
        return self.seq is not None and bool(self._early)

    @property
    def has_pending(self) -> bool:
        return bool(self._pending) or self._stats_pending

    def take(self, first_seq: int, frames: Sequence[str]) -> None:
        """Deliver the next events, drop those already delivered, and keep those that are too early."""
        for seq, frame in enumerate(frames, first_seq):
            if self.seq is not None and seq == self.seq + 1:
                self._early.pop(seq, None)
                self._deliver(frame)
            elif (self.seq is None or seq > self.seq) and len(self._early) < EARLY_LIMIT:
                self._early[seq] = frame
        self._advance()

    def _advance(self) -> None:
        while self.seq is not None and (frame := self._early.pop(self.seq + 1, None)) is not None:
            self._deliver(frame)

    def _deliver(self, frame: str) -> None:
        assert self.seq is not None
        self.seq = Seq(self.seq + 1)
        seen = glimpse(frame)
        self.ended = self.ended or seen.ends_the_stream
        self.stats_due = self.stats_due or seen.type == EventType.GIFT
        finished = self._framing(frame.encode())
        self._pending.append(finished)
        for subscriber in self.joining:
            subscriber.held.append(finished)

    def writes(self) -> Iterator[int]:
        """Write pending frames to every live socket, one socket per step, for `Rounds`. Frames that arrive meanwhile
        leave together in the next pass. Each step yields its cost in socket writes."""
        while self.has_pending:
            frames, self._pending, self._stats_pending = self._pending, [], False
            last = self.seq or 0
            joined, first, ended = b"".join(frames), last - len(frames) + 1, self.ended
            for subscriber in tuple(self.live):
                if subscriber not in self.live:
                    continue
                if subscriber.is_slow():
                    self._counts.cut += 1
                    self._disconnect(subscriber, DisconnectReason.TOO_SLOW)
                else:
                    self._write(subscriber, frames, joined, first)
                    if ended:
                        self._disconnect(subscriber, DisconnectReason.ENDED)
                yield 1 if subscriber in self.live else DISCONNECT_WEIGHT
        self.writing = False

    def _write(self, subscriber: Subscriber, frames: Sequence[bytes], joined: bytes, first: int) -> None:
        position = subscriber.seq or 0
        missing = first + len(frames) - 1 - position
        if missing > 0:
            if position < first - 1:
                raise InvariantBroken(f"socket at event {position}, but the next frame is that of event {first}")
            subscriber.sink.write(joined if position < first else b"".join(frames[-missing:]))
            subscriber.seq = Seq(position + missing)
            self._counts.delivered += missing
        if subscriber.stats is not self._stats and not self.ended:
            if subscriber.is_behind():
                self._any_behind = True
            else:
                subscriber.sink.write(self._stats)
                subscriber.stats = self._stats

    def tell(self, stats: Stats) -> None:
        """Set the stats frame to write. It replaces the previous one, even if that one is still pending."""
        self._stats = self._framing(msgspec.json.encode(stats))
        self._stats_pending = True

    def tell_those_behind(self) -> None:
        """Retry the stats frame for the sockets that were behind."""
        if self._any_behind:
            self._any_behind, self._stats_pending = False, True

    # ── subscribers ──

    @property
    def is_empty(self) -> bool:
        return not self.live and not self.joining

    @property
    def viewers(self) -> int:
        """People, not sockets: a user on two devices counts once, each guest socket counts once, the host does not
        count."""
        return len(self._people) + self._guests

    def attach(self, subscriber: Subscriber) -> None:
        """Register the subscriber before its snapshot is read, so that no event is lost between the two."""
        subscriber.seq = self.seq
        self.joining.add(subscriber)

    def admit(self, subscriber: Subscriber, snapshot: Snapshot) -> bool:
        """Make the subscriber live with the snapshot that was read for it. Held frames that the snapshot includes are
        dropped, the others remain in `held`, and later events are written.

        False if the snapshot is older than the first held event (a newer snapshot of another subscriber opened the
        channel meanwhile) or the subscriber was removed. The caller then reads another snapshot.
        """
        if self.seq is None:
            self.seq = snapshot.last_seq
            self._early = {seq: frame for seq, frame in self._early.items() if seq > self.seq}
            for other in self.joining:
                other.seq = self.seq
            self._advance()
        known = snapshot.last_seq - (subscriber.seq or 0)
        if known < 0 or subscriber not in self.joining:
            return False
        self.joining.remove(subscriber)
        del subscriber.held[:known]
        subscriber.seq = Seq(snapshot.last_seq + len(subscriber.held))
        subscriber.stats = self._stats
        if not (snapshot.closed or self.ended):
            self.live[subscriber] = None
            self._host_id = snapshot.user_id
            self._count_in(subscriber)
        return True

    def rename(self, subscriber: Subscriber, user_id: UserId) -> None:
        """Set the user of a guest who has signed in, and correct the viewer count."""
        if subscriber in self.live and subscriber.user_id != user_id:
            self._count_out(subscriber)
            subscriber.user_id = user_id
            self._count_in(subscriber)
        subscriber.user_id = user_id

    def remove(self, subscriber: Subscriber) -> None:
        self.joining.discard(subscriber)
        if subscriber in self.live:
            del self.live[subscriber]
            self._count_out(subscriber)

    def reset(self) -> None:
        for subscriber in (*self.live, *self.joining):
            self._disconnect(subscriber, DisconnectReason.RESET)

    def _disconnect(self, subscriber: Subscriber, why: DisconnectReason) -> None:
        self.remove(subscriber)
        subscriber.sink.disconnect(why)

    def _count_in(self, subscriber: Subscriber) -> None:
        user_id = subscriber.user_id
        if user_id is None:
            self._guests += 1
        elif user_id == self._host_id:
            return
        else:
            self._people[user_id] += 1
            if self._people[user_id] > 1:
                return
            self.joined.add(user_id)
        self.stats_due = True
        self.peak = max(self.peak, self.viewers)

    def _count_out(self, subscriber: Subscriber) -> None:
        user_id = subscriber.user_id
        if user_id is None:
            self._guests -= 1
        elif user_id == self._host_id:
            return
        else:
            self._people[user_id] -= 1
            if self._people[user_id]:
                return
            del self._people[user_id]
        self.stats_due = True
