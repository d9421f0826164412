"""The prober: schedules probes of live streams, because a publisher that is online may send nothing that plays.

A probe is a child process that takes a picture and reports what it saw. Few probes run at once, and the stream that has
waited longest is next. A probe that hangs holds its slot until its deadline. Results are logged, measured and stored;
no decision depends on them. The prober sleeps until the next probe is due or the table of streams announces a change,
so streams that do not change cost nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

import msgspec

from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import StreamId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.streams import store
from control_plane.streams.media.model import SourceId
from control_plane.streams.model import Stream, Visibility
from control_plane.streams.probing.keys import ProbeKeys
from control_plane.streams.probing.metrics import ProbeMetrics
from control_plane.streams.probing.model import Outcome, Probe, ProbeResult
from control_plane.streams.probing.thumbnails import Thumbnails
from control_plane.streams.running import RunningStreams

log = logging.getLogger(__name__)

DEADLINE_S = 12.0
"""Time until a probe is killed. Larger: a probe that hangs holds its slot for longer. Smaller: streams whose key frames
are ten seconds apart fail."""
RETRIES_S = (0.5, 0.5, 1.0, 1.0, 2.0, 4.0, 8.0)
"""Pauses between the first probes of a publisher, until one saw it playing. Larger: a stream that starts slowly shows
as not playing for longer. Smaller: more probes."""
BELIEVED_FAILURES = 3
"""A result is kept until this many later probes have failed. Larger: an outdated result is shown for longer. Smaller:
failures of the probe itself hide the result."""

_PLAYING = {Outcome.PLAYING: True, Outcome.NOT_PLAYING: False, Outcome.UNSUPPORTED: None}


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of the last probe that worked."""

    result: ProbeResult
    at: dt.datetime

    @property
    def playing(self) -> bool | None:
        return _PLAYING[self.result.outcome]


@dataclass(slots=True)
class _Watch:
    """Probe state of one publisher's connection. Another connection of the same stream gets a new one."""

    stream_id: StreamId
    source_id: SourceId
    retries: int = 0
    failures: int = 0
    seen: Seen | None = None


class Prober:
    """Owns the schedule and the results. At most `limit` probes run at once."""

    def __init__(
        self,
        probe: Probe,
        running: RunningStreams,
        keys: ProbeKeys,
        thumbnails: Thumbnails,
        database: Database,
        metrics: ProbeMetrics,
        *,
        limit: int,
        interval_s: float,
        deadline_s: float = DEADLINE_S,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probe = probe
        self._running = running
        self._keys = keys
        self.thumbnails = thumbnails
        self._database = database
        self._metrics = metrics
        self._limit = limit
        self._interval_s = interval_s
        self._deadline_s = deadline_s
        self._clock = clock
        self._monotonic = monotonic
        self._watches: dict[StreamId, _Watch] = {}
        """One for each publisher that is online."""
        self._due: list[tuple[float, int, _Watch]] = []
        """Heap of the next probes: when, a number that keeps the order of equal times, and for which watch. Entries of
        publishers that have gone stay until they are due."""
        self._numbers = count()
        self._looking = 0
        self._changed: set[StreamId] = set()
        """Streams to compare with their watches."""
        self._wake = asyncio.Event()

    def follow(self) -> None:
        """Subscribe to changes of the table of streams. Called before `run`."""
        self._running.on_change(self._stream_changed)
        self._running.on_reload(self._all_changed)

    def playing(self, stream_id: StreamId) -> bool | None:
        """Whether media really flows; None if unknown: not live, not probed yet, or not decodable by the probe."""
        seen = self.seen(stream_id)
        return None if seen is None else seen.playing

    def note(self, stream_id: StreamId) -> str:
        """For the broadcaster: what viewers miss, and what to change. "" without a problem, and if unknown."""
        seen = self.seen(stream_id)
        return "" if seen is None else seen.result.note

    def seen(self, stream_id: StreamId) -> Seen | None:
        watch = self._watches.get(stream_id)
        return None if watch is None else watch.seen

    def streams_playing(self) -> int:
        return sum(self.playing(stream_id) is True for stream_id in self._watches)

    def thumbnail(self, stream_id: StreamId) -> str:
        """Address below `/media/`, new with each picture; "" without one. Only public streams have one, because
        `/media/` needs no authorization."""
        return self.thumbnails.address(stream_id)

    async def run(self) -> None:
        """Run until cancelled."""
        self.thumbnails.open([stream.id for stream in self._running.all() if stream.visibility is Visibility.PUBLIC])
        self._all_changed()
        async with asyncio.TaskGroup() as probes:
            while True:
                self._wake.clear()
                self._follow_changes()
                self._start_due(probes)
                await self._sleep()

    def _stream_changed(self, stream_id: StreamId) -> None:
        self._changed.add(stream_id)
        self._wake.set()

    def _all_changed(self) -> None:
        self._changed.update(self._watches, (stream.id for stream in self._running.all()))
        self._wake.set()

    def _follow_changes(self) -> None:
        """Keep one watch for each publisher that is online, and hide the pictures of streams that are not public."""
        changed, self._changed = self._changed, set()
        for stream_id in changed:
            stream = self._running.get(stream_id)
            watch = self._watches.get(stream_id)
            if stream is None or stream.source_id is None:
                self._watches.pop(stream_id, None)
            elif watch is None or watch.source_id != stream.source_id:
                watch = self._watches[stream_id] = _Watch(stream_id, stream.source_id)
                self._schedule(watch, self._monotonic())
        self.thumbnails.hide([stream_id for stream_id in changed if self._is_hidden(stream_id)])

    def _is_hidden(self, stream_id: StreamId) -> bool:
        stream = self._running.get(stream_id)
        return stream is not None and stream.visibility is not Visibility.PUBLIC

    def _is_current(self, watch: _Watch) -> bool:
        """Whether its publisher is still online."""
        return self._watches.get(watch.stream_id) is watch

    def _schedule(self, watch: _Watch, due_at: float) -> None:
        heappush(self._due, (due_at, next(self._numbers), watch))
        self._wake.set()

    def _start_due(self, probes: asyncio.TaskGroup) -> None:
        """Start probes of the streams that have waited longest, one for each free slot."""
        now = self._monotonic()
        while self._looking < self._limit and self._due and self._due[0][0] <= now:
            _, _, watch = heappop(self._due)
            stream = self._running.get(watch.stream_id)
            if stream is not None and self._is_current(watch):
                self._looking += 1
                probes.create_task(self._guarded(stream, watch), name="probe")

    async def _sleep(self) -> None:
        """Sleep until a stream changes, a slot becomes free, or the next probe is due and has one."""
        due_in = None
        if self._due and self._looking < self._limit:
            due_in = max(0.0, self._due[0][0] - self._monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(due_in):
                await self._wake.wait()

    async def _guarded(self, stream: Stream, watch: _Watch) -> None:
        try:
            due_at = await self._look(stream, watch)
        except Exception:
            log.exception("probe_broke", extra={"stream": stream.id})  # probes of other streams continue
            due_at = self._monotonic() + self._interval_s
        if self._is_current(watch):
            self._schedule(watch, due_at)

    async def _look(self, stream: Stream, watch: _Watch) -> float:
        """Probe, note the result, and return the time of the next probe."""
        picture = self.thumbnails.file(stream.id) if stream.visibility is Visibility.PUBLIC else None
        began = self._monotonic()
        try:
            result = await self._probe.probe(
                stream.path, self._keys.issue(stream.id, stream.key_salt), picture, self._deadline_s
            )
        finally:
            self._looking -= 1
            self._wake.set()
        self._metrics.probed(result.outcome.value, result.via.value if result.via else "none", result.seconds)
        if result.pictured:
            self.thumbnails.written(stream.id)
            self._stream_changed(stream.id)  # it may have been hidden meanwhile
        if not self._is_current(watch):
            return began
        due_at = self._take(stream.id, watch, result, began)
        await self._store(stream.id, watch, result)
        return due_at

    def _take(self, stream_id: StreamId, watch: _Watch, result: ProbeResult, began: float) -> float:
        before = watch.seen
        if result.outcome is Outcome.FAILED:
            log.warning("probe_failed", extra={"stream": stream_id, "why": result.why})
            watch.failures += 1
            if watch.failures >= BELIEVED_FAILURES:
                watch.seen = None
        else:
            watch.seen, watch.failures = Seen(result, self._clock()), 0
            if before is None or before.playing != watch.seen.playing:
                how = result.via.value if result.via is not None else result.why
                fields = {"stream": stream_id, "outcome": result.outcome.value, "how": how, "note": result.note}
                log.info("stream_probed", extra=fields)
        due_at = began + self._interval_s
        never_played = before is None or not before.playing
        if result.outcome in (Outcome.NOT_PLAYING, Outcome.FAILED) and never_played and watch.retries < len(RETRIES_S):
            due_at = self._monotonic() + RETRIES_S[watch.retries]
            watch.retries += 1
        return due_at

    async def _store(self, stream_id: StreamId, watch: _Watch, result: ProbeResult) -> None:
        if result.outcome is Outcome.FAILED:
            return
        found = msgspec.json.encode(result).decode()
        try:
            await store.probed(self._database, stream_id, watch.source_id, _PLAYING[result.outcome], found)
        except DatabaseUnavailable:
            log.warning("probe_not_stored", extra={"stream": stream_id})
