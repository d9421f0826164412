"""One stream's sockets in this process: what has been delivered to them, what is next, and who is watching. Nothing here waits or reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.eventlog.encoding import glimpse
from control_plane.eventlog.types import EventType, Stats
from control_plane.live.snapshot import Snapshot
from control_plane.live.subscriber import Leave, Subscriber
from control_plane.live.websocket import websocket_frame

EARLY_LIMIT = 4096
LETTING_GO = 16
"""What it weighs, in writes."""


@dataclass(slots=True)
class Counts:
    """Of this process, since its start."""

    delivered: int = 0
    """Events × sockets, live ones."""
    found: int = 0
    """Events that no offer brought: they were read from the log."""
    cut: int = 0
    """Sockets that were too slow."""


class Channel:
    """`seq` is the position: the number of the newest event that was delivered here. There is none until the first snapshot was read."""

    def __init__(self, stream_id: StreamId, counts: Counts) -> None:
        self.stream_id = stream_id
        self.seq: Seq | None = None
        self.ended = False
        self.joining: set[Subscriber] = set()
        self.live: dict[Subscriber, None] = {}
        self.writing = False
        """Whether somebody is going through `writes`."""
        self.stats_due = False
        """The figures have changed since they were last told."""
        self.peak = 0
        self.stored_peak = 0
        self.joined: set[UserId] = set()
        """Who came since they were last told of."""
        self._counts = counts
        self._early: dict[int, str] = {}
        self._pending: list[bytes] = []
        self._stats = b""
        self._stats_pending = False
        self._somebody_is_behind = False
        self._host_id: UserId | None = None
        self._people: Counter[UserId | Subscriber] = Counter()

    # ── events ──

    @property
    def has_gap(self) -> bool:
        return self.seq is not None and bool(self._early)

    @property
    def has_pending(self) -> bool:
        return bool(self._pending) or self._stats_pending

    def take(self, first_seq: int, frames: Sequence[str]) -> None:
        """Deliver what is next; drop what was delivered before; keep for a while what is too early."""
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
        finished = websocket_frame(frame.encode())
        self._pending.append(finished)
        for subscriber in self.joining:
            subscriber.held.append(finished)

    def writes(self) -> Iterator[int]:
        """Write what is pending to every live socket, one a step, for `Rounds`. What comes meanwhile leaves together in the next round."""
        while self.has_pending:
            frames, self._pending, self._stats_pending = self._pending, [], False
            last = self.seq or 0
            joined, first, ended = b"".join(frames), last - len(frames) + 1, self.ended
            for subscriber in tuple(self.live):
                if subscriber not in self.live:
                    continue
                if subscriber.is_slow():
                    self._counts.cut += 1
                    self._let_go(subscriber, Leave.TOO_SLOW)
                else:
                    self._write(subscriber, frames, joined, first)
                    if ended:
                        self._let_go(subscriber, Leave.ENDED)
                yield 1 if subscriber in self.live else LETTING_GO
        self.writing = False

    def _write(self, subscriber: Subscriber, frames: Sequence[bytes], joined: bytes, first: int) -> None:
        position = subscriber.seq or 0
        missing = first + len(frames) - 1 - position
        if missing > 0:
            assert position >= first - 1, "a gap"
            subscriber.sink.write(joined if position < first else b"".join(frames[-missing:]))
            subscriber.seq = Seq(position + missing)
            self._counts.delivered += missing
        if subscriber.stats is not self._stats and not self.ended:
            if subscriber.is_behind():
                self._somebody_is_behind = True
            else:
                subscriber.sink.write(self._stats)
                subscriber.stats = self._stats

    def tell(self, stats: Stats) -> None:
        """Replaces what was told before, also where that still waits."""
        self._stats = websocket_frame(msgspec.json.encode(stats))
        self._stats_pending = True

    def tell_those_behind(self) -> None:
        if self._somebody_is_behind:
            self._somebody_is_behind, self._stats_pending = False, True

    # ── subscribers ──

    @property
    def is_empty(self) -> bool:
        return not self.live and not self.joining

    @property
    def viewers(self) -> int:
        """People, not sockets: somebody on two phones is one, a guest is one for each socket, and the host is none."""
        return len(self._people)

    def attach(self, subscriber: Subscriber) -> None:
        """Before the snapshot is read, so that nothing can fall between the two."""
        subscriber.seq = self.seq
        self.joining.add(subscriber)

    def admit(self, subscriber: Subscriber, snapshot: Snapshot) -> bool:
        """The snapshot was read: what was held and is not in it remains in `held`, and what comes from now on is written.

        False, and read another one, if the snapshot is older than the first event held: somebody else's, read a little later, opened the
        channel meanwhile.
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
        """A guest has said who they are."""
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
            self._let_go(subscriber, Leave.RESET)

    def _let_go(self, subscriber: Subscriber, why: Leave) -> None:
        self.remove(subscriber)
        subscriber.sink.leave(why)

    def _count_in(self, subscriber: Subscriber) -> None:
        person = subscriber.user_id or subscriber
        if person == self._host_id:
            return
        self._people[person] += 1
        if self._people[person] == 1:
            self.stats_due = True
            self.peak = max(self.peak, self.viewers)
            if subscriber.user_id is not None:
                self.joined.add(subscriber.user_id)

    def _count_out(self, subscriber: Subscriber) -> None:
        person = subscriber.user_id or subscriber
        if person == self._host_id:
            return
        self._people[person] -= 1
        if not self._people[person]:
            del self._people[person]
            self.stats_due = True
