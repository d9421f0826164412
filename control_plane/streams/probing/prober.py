"""The prober: schedules probes of live streams, because a publisher that is online may send nothing that plays.

A probe is a child process that takes a picture and reports what it saw. Few probes run at once, and the stream that has
waited longest is next. A probe that hangs holds its slot until its deadline. Results are logged, measured and stored;
no decision depends on them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
TICK_S = 0.2
"""Time between two checks for due probes. Larger: the first result comes later. Smaller: more idle work."""
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

    source_id: SourceId
    due_at: float
    looking: bool = False
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
        self._looking = 0

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
        async with asyncio.TaskGroup() as probes:
            while True:
                self._follow()
                for stream, watch in self._due():
                    watch.looking = True
                    self._looking += 1
                    probes.create_task(self._guarded(stream, watch), name="probe")
                await asyncio.sleep(TICK_S)

    def _follow(self) -> None:
        """Keep one watch for each publisher that is online, and drop all others."""
        unfinished = {stream.id: stream for stream in self._running.all()}
        now = self._monotonic()
        watches = {}
        for stream in unfinished.values():
            if stream.source_id is not None:
                known = self._watches.get(stream.id)
                same = known is not None and known.source_id == stream.source_id
                watches[stream.id] = known if known and same else _Watch(stream.source_id, now)
        self._watches = watches
        hidden = {stream.id for stream in unfinished.values() if stream.visibility is not Visibility.PUBLIC}
        self.thumbnails.hide(hidden)

    def _due(self) -> Iterator[tuple[Stream, _Watch]]:
        """The streams that have waited longest, one for each free slot."""
        now = self._monotonic()
        waiting = [
            (watch.due_at, id_) for id_, watch in self._watches.items() if not watch.looking and watch.due_at <= now
        ]
        for _, stream_id in sorted(waiting)[: self._limit - self._looking]:
            stream = self._running.get(stream_id)
            if stream is not None:
                yield stream, self._watches[stream_id]

    async def _guarded(self, stream: Stream, watch: _Watch) -> None:
        try:
            await self._look(stream, watch)
        except Exception:
            log.exception("probe_broke", extra={"stream": stream.id})  # probes of other streams continue
            watch.due_at = self._monotonic() + self._interval_s

    async def _look(self, stream: Stream, watch: _Watch) -> None:
        picture = self.thumbnails.file(stream.id) if stream.visibility is Visibility.PUBLIC else None
        began = self._monotonic()
        try:
            result = await self._probe.probe(
                stream.path, self._keys.issue(stream.id, stream.key_salt), picture, self._deadline_s
            )
        finally:
            watch.looking = False
            self._looking -= 1
        self._metrics.probed(result.outcome.value, result.via.value if result.via else "none", result.seconds)
        if result.pictured:
            self.thumbnails.written(stream.id)
        if self._watches.get(stream.id) is watch:  # otherwise its publisher has gone
            self._take(stream.id, watch, result, began)
            await self._store(stream.id, watch, result)

    def _take(self, stream_id: StreamId, watch: _Watch, result: ProbeResult, began: float) -> None:
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
        watch.due_at = began + self._interval_s
        never_played = before is None or not before.playing
        if result.outcome in (Outcome.NOT_PLAYING, Outcome.FAILED) and never_played and watch.retries < len(RETRIES_S):
            watch.due_at = self._monotonic() + RETRIES_S[watch.retries]
            watch.retries += 1

    async def _store(self, stream_id: StreamId, watch: _Watch, result: ProbeResult) -> None:
        if result.outcome is Outcome.FAILED:
            return
        found = msgspec.json.encode(result).decode()
        try:
            await store.probed(self._database, stream_id, watch.source_id, _PLAYING[result.outcome], found)
        except DatabaseUnavailable:
            log.warning("probe_not_stored", extra={"stream": stream_id})
