"""The hub: delivers committed events to the live sockets of this process, in order and exactly once, even if offers are
lost.

An offer is a hint. The next event is delivered, and an older one is dropped. When an event comes too early, the hub
waits GAP_S and then reads the log. Every PERIOD_S it also reads the newest event number of every stream that has
sockets here. This finds events that the bus lost, or that a process committed but did not offer before it died.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.eventlog import store as eventlog
from control_plane.eventlog.log import StreamUnknown
from control_plane.live import store
from control_plane.live.channel import Channel, Counts
from control_plane.live.rounds import Rounds
from control_plane.live.snapshot import Resume, Snapshot
from control_plane.live.stats import restate
from control_plane.live.subscriber import QUEUE_LIMIT_BYTES, DisconnectReason, Framing, Sink, Subscriber
from control_plane.streams import store as streams

log = logging.getLogger(__name__)

PERIOD_S = 0.5
"""Time between two checks for lost events, and between two stats frames. Larger: lost events arrive later and figures
are older. Smaller: more queries."""
GAP_S = 0.02
"""Time to wait for a missing event before the log is read. Larger: events after a real gap arrive later. Smaller:
events that are only out of order cost a query."""
PAGE = 500
"""Events read from the log at once. Larger: one stream that is far behind delays the others. Smaller: more queries."""

EncodeHello = Callable[[Snapshot, int], bytes]
"""Encodes the first frame (JSON) from the snapshot and the number of viewers."""


class Hub:
    """Implements `Offers`. `run` writes to the sockets and fills gaps. All other methods return at once, except `join`,
    which reads the database."""

    def __init__(
        self, database: Database, framing: Framing, *, period_s: float = PERIOD_S, gap_s: float = GAP_S
    ) -> None:
        self.counts = Counts()
        self._database = database
        self._framing = framing
        self._period_s = period_s
        self._gap_s = gap_s
        self._channels: dict[StreamId, Channel] = {}
        self._peaks: dict[StreamId, int] = {}
        """Peaks not stored yet, of streams whose last socket has left. The next round stores them, unless the database
        is away."""
        self._rounds = Rounds()
        self._check = asyncio.Event()
        self._check_all = False
        self._check_these: set[StreamId] = set()

    # ── figures ──

    def sockets(self, stream_id: StreamId | None = None) -> int:
        """Number of live sockets of one stream, or of all."""
        channels = self._channels.values() if stream_id is None else [self._channels.get(stream_id)]
        return sum(len(channel.live) for channel in channels if channel)

    def viewers(self, stream_id: StreamId) -> int:
        """Number of people on this process's sockets, without the host."""
        channel = self._channels.get(stream_id)
        return channel.viewers if channel else 0

    def peak(self, stream_id: StreamId) -> int:
        """The most viewers at once in this process; 0 once the last socket has left and the peak is stored with the
        stream."""
        channel = self._channels.get(stream_id)
        return max(self._peaks.get(stream_id, 0), channel.peak if channel else 0)

    # ── join and leave ──

    async def join(
        self, stream_id: StreamId, sink: Sink, user_id: UserId | None, resume: Resume | None, hello: EncodeHello
    ) -> Subscriber:
        """Subscribe a socket: write hello, the missed events, and from then on every event. Raises StreamUnknown,
        DatabaseUnavailable.

        The caller must call `leave`, even after `sink.disconnect` was called. An ended stream: hello, the missed events,
        then `DisconnectReason.ENDED`.
        """
        channel = self._channels.get(stream_id)
        if channel is None:
            channel = self._channels[stream_id] = Channel(stream_id, self.counts, self._framing)
        subscriber = Subscriber(stream_id, sink, user_id)
        channel.attach(subscriber)
        try:
            for _ in range(2):
                snapshot = await self._snapshot(stream_id, resume)
                if channel.admit(subscriber, snapshot):
                    self._welcome(channel, subscriber, snapshot, hello(snapshot, channel.viewers))
                    return subscriber
        except BaseException:
            self.leave(subscriber)
            raise
        sink.disconnect(DisconnectReason.RESET)  # both snapshots were older than the events: the log went backwards
        return subscriber

    def _welcome(self, channel: Channel, subscriber: Subscriber, snapshot: Snapshot, hello: bytes) -> None:
        # The snapshot took so long that a new join is cheaper than writing all held frames.
        if sum(map(len, subscriber.held)) > QUEUE_LIMIT_BYTES:
            self.leave(subscriber)
            subscriber.sink.disconnect(DisconnectReason.RESET)
            return
        texts = (hello, *(frame.encode() for frame in snapshot.replay))
        greeting = b"".join(map(self._framing, texts))
        subscriber.sink.write(b"".join((greeting, *subscriber.held)))
        subscriber.held.clear()
        subscriber.allowed_bytes += len(greeting)
        if subscriber not in channel.live:
            subscriber.sink.disconnect(DisconnectReason.ENDED)
        self._moved(channel)

    async def _snapshot(self, stream_id: StreamId, resume: Resume | None) -> Snapshot:
        async with self._database.connection() as connection:
            snapshot = await store.snapshot(connection, stream_id, resume)
        if snapshot is None:
            raise StreamUnknown("There is no such stream.")
        return snapshot

    def identify(self, subscriber: Subscriber, user_id: UserId) -> None:
        """Set the user of a guest who has signed in."""
        if channel := self._channels.get(subscriber.stream_id):
            channel.rename(subscriber, user_id)

    def leave(self, subscriber: Subscriber) -> None:
        if channel := self._channels.get(subscriber.stream_id):
            channel.remove(subscriber)
            self._drop_if_empty(channel)

    def _drop_if_empty(self, channel: Channel) -> None:
        if channel.is_empty and self._channels.get(channel.stream_id) is channel:
            if channel.peak > channel.stored_peak:
                self._peaks[channel.stream_id] = self.peak(channel.stream_id)
            del self._channels[channel.stream_id]

    # ── delivery ──

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        """Accept committed events. Without `frames`, the log holds new events from `first_seq` on."""
        channel = self._channels.get(stream_id)
        if channel is None:
            return
        if frames:
            channel.take(first_seq, frames)
            self._moved(channel)
        elif channel.seq is not None and first_seq > channel.seq:
            self._check_one(stream_id)

    def check(self) -> None:
        """Look for lost events now, because offers may have been missed."""
        self._check_all = True
        self._check.set()

    def _check_one(self, stream_id: StreamId) -> None:
        self._check_these.add(stream_id)
        self._check.set()

    def _moved(self, channel: Channel) -> None:
        if channel.has_pending and not channel.writing:
            channel.writing = True
            self._rounds.add(self._writes(channel))
        if channel.has_gap:
            asyncio.get_running_loop().call_later(self._gap_s, self._check_gap, channel)

    def _check_gap(self, channel: Channel) -> None:
        if channel.has_gap:
            self._check_one(channel.stream_id)

    def _writes(self, channel: Channel) -> Iterator[int]:
        yield from channel.writes()
        self._drop_if_empty(channel)

    async def run(self) -> None:
        """Run until cancelled. An unavailable database only delays."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rounds.run(), name="hub-write")
            group.create_task(self._look_for_lost(), name="hub-lost-events")
            group.create_task(self._tell_stats(), name="hub-stats")

    async def _look_for_lost(self) -> None:
        clock = asyncio.get_running_loop().time
        away = False
        due = clock()
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._check.wait()
            except TimeoutError:
                pass
            if clock() >= due:
                self._check_all, due = True, clock() + self._period_s
            self._check.clear()
            try:
                await self._compare_tails()
                away = False
            except DatabaseUnavailable:
                if not away:
                    log.warning("hub_waits_for_the_database")
                away = True

    async def _compare_tails(self) -> None:
        these, self._check_these = self._check_these, set()
        channels = self._channels.values() if self._check_all else filter(None, map(self._channels.get, these))
        self._check_all = False
        positions = {channel.stream_id: channel.seq for channel in channels if channel.seq is not None}
        if not positions:
            return
        async with self._database.connection() as connection:
            tails = await eventlog.tails(connection, list(positions))
        for stream_id, position in positions.items():
            channel = self._channels.get(stream_id)
            if channel is None or channel.seq is None:
                continue
            tail = tails.get(stream_id, Seq(-1))
            if tail < position:
                self._reset(channel)
            elif tail > channel.seq:
                await self._catch_up(channel, tail)

    async def _catch_up(self, channel: Channel, tail: Seq) -> None:
        """Read one page from the log. If there is more, the next check comes at once, so that other streams get their
        turn in between."""
        position = channel.seq
        if position is None:
            return
        async with self._database.connection() as connection:
            stored = await eventlog.frames_after(connection, channel.stream_id, position, position + PAGE)
        if channel.seq is None or channel.seq >= tail:
            return  # offers arrived meanwhile
        if not stored or stored[0].seq > channel.seq + 1:
            self._reset(channel)
            return
        before = channel.seq
        channel.take(stored[0].seq, [event.frame for event in stored])
        self.counts.found += channel.seq - before
        self._moved(channel)
        if before < channel.seq < tail:
            self._check_one(channel.stream_id)

    def _reset(self, channel: Channel) -> None:
        log.warning("event_log_was_reset", extra={"stream": channel.stream_id})
        channel.reset()
        self._drop_if_empty(channel)

    async def _store_peaks(self) -> None:
        """Store grown peaks with their streams, so that any process that ends a stream (also a command) finds its
        peak."""
        grown = {channel: channel.peak for channel in self._channels.values() if channel.peak > channel.stored_peak}
        peaks = self._peaks | {
            channel.stream_id: max(peak, self._peaks.get(channel.stream_id, 0)) for channel, peak in grown.items()
        }
        if not peaks:
            return
        async with self._database.connection() as connection:
            stored = await streams.raise_peaks(connection, peaks)
        for channel, peak in grown.items():
            if channel.stream_id in stored:
                channel.stored_peak = peak
        for stream_id in stored:
            if self._peaks.get(stream_id, 0) <= peaks[stream_id]:
                self._peaks.pop(stream_id, None)

    async def _tell_stats(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            try:
                due = [channel for channel in self._channels.values() if channel.stats_due and channel.live]
                if due:
                    await restate(self._database, due)
                await self._store_peaks()
            except DatabaseUnavailable:
                log.debug("stats_wait_for_the_database")
            for channel in tuple(self._channels.values()):
                channel.tell_those_behind()
                self._moved(channel)
