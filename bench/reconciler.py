"""Benchmark of streams that do not change: what a pass of the reconciler and a second of the prober cost, and how long
a pass blocks the event loop.

Compares a pass with one that runs a task per stream, its longest block with that of one listing and one comparison of
all streams, and the prober with one that scans all streams five times a second.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, cast

import msgspec
import uvloop
from aiohttp import web

from bench.processes import child, configuration, say, stdin
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import StreamId, UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from control_plane.observe.lag import calm_garbage_collection
from control_plane.observe.metrics import Metrics
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media import reconciler
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.media.reconciler import Reconciler
from control_plane.streams.model import Status, Stream, Visibility
from control_plane.streams.probing.keys import ProbeKeys
from control_plane.streams.probing.metrics import ProbeMetrics
from control_plane.streams.probing.model import Outcome, ProbeKey, ProbeResult
from control_plane.streams.probing.prober import Prober
from control_plane.streams.probing.thumbnails import Thumbnails
from control_plane.streams.running import RunningStreams
from mediamtx.node.client import ITEMS_PER_PAGE, MediaMTXClient

PASS = Target(5.0)
"""Of a pass over 500 streams."""
HELD = Target(5.0)
ALL = 1_000_000
AT = "2026-11-29T08:00:00.000000000Z"
COUNTS = (500, 5_000)
FEW, MANY = 2, 20
"""Viewers, which the control API lists with their path."""
SCAN_S = 0.2
KEYRING = Keyring((Secret("a", bytes(32)),))
# Streams that do not change use neither.
LIFECYCLE = cast("Lifecycle", None)


class _Idle:
    """Stands for the database, which is not measured."""

    async def execute(self, *arguments: object) -> None:
        pass


DATABASE = cast("Database", _Idle())


async def run(quick: bool) -> None:
    heading("reconciler", quick)
    await asyncio.to_thread(uvloop.run, _measure(5 if quick else 30, 1.0 if quick else 5.0))


async def _measure(passes: int, second_s: float) -> None:
    calm_garbage_collection()
    rows = []
    for count in COUNTS:
        for viewers in (FEW, MANY):
            name = f"{count:,} live, {viewers} viewers each"
            step(name)
            rows.append([name, *await _passes(count, passes, viewers)])
        name = f"{count:,} that wait for a publisher"
        step(name)
        rows.append([name, *await _passes(count, passes, None)])
    columns = [
        "",
        "a pass",
        "its listing",
        "a task per stream",
        "ratio",
        f"held ({HELD} ms)",
        "worst",
        "in one go",
        "ratio",
    ]
    note = f"CPU of a pass ({PASS} ms for {COUNTS[0]} streams); longest time that a pass holds the event loop."
    table(f"{passes} passes", columns, rows, note)
    rows = []
    for count in COUNTS:
        step(f"the prober of {count:,}")
        rows.append([f"{count:,} live", *await _prober(count, second_s)])
    columns = ["the prober", "a second", f"scanning each {SCAN_S:g} s", "ratio", "a change", "a scan"]
    table("CPU while nothing is due", columns, rows)


def _no_sockets(stream_id: StreamId) -> int:
    return 0


def _table_of(streams: list[Stream]) -> RunningStreams:
    running = RunningStreams(DATABASE, PostgresBus(""), StreamKeys(KEYRING), 900)
    for stream in streams:
        running.put(stream)
    return running


# ── the reconciler ──


class _TaskPerStream(Reconciler):
    """The baseline: compares each stream in a task of its own."""

    async def reconcile(self) -> None:
        online = await self._list()

        async def check(stream: Stream) -> None:
            for change in self._compare([stream], online):
                await self._apply(change)

        await asyncio.gather(*(check(stream) for stream in self._running.all()))


async def _passes(count: int, passes: int, viewers: int | None) -> list[str]:
    """`viewers`: of each live stream; None if no publisher has come."""
    live = viewers is not None
    async with AsyncExitStack() as stack:
        listing = {"paths": count if live else 0, "viewers": viewers or 0}
        server = await stack.enter_async_context(child("bench.reconciler", listing))
        running = _table_of([_stream(number, live=live) for number in range(1, count + 1)])
        client, whole = [
            await stack.enter_async_context(MediaMTXClient(f"http://127.0.0.1:{server.port}", "", 30.0, items, 30.0))
            for items in (ITEMS_PER_PAGE, ALL)
        ]
        made = (
            Reconciler(client, running, LIFECYCLE, DATABASE, never_published_s=600, sockets=_no_sockets),
            _TaskPerStream(client, running, LIFECYCLE, DATABASE, never_published_s=600, sockets=_no_sockets),
            Reconciler(whole, running, LIFECYCLE, DATABASE, never_published_s=600, sockets=_no_sockets),
        )
        ours, tasks, in_one_go = made
        for each in made:
            await each.reconcile()  # the first pass looks up each publisher
        cost, listed, baseline, held, at_once = [], [], [], [], []
        for _ in range(passes):
            cost.append(await _cpu_ms(ours))
            baseline.append(await _cpu_ms(tasks))
            began = time.thread_time()
            async for _ in client.list_paths():
                pass
            listed.append((time.thread_time() - began) * 1e3)
            held.append(await _held_ms(ours))
            before, reconciler.SLICE = reconciler.SLICE, ALL
            at_once.append(await _held_ms(in_one_go))
            reconciler.SLICE = before
    return [
        figure(median(cost), "ms", PASS if count == COUNTS[0] else None),
        figure(median(listed), "ms"),
        figure(median(baseline), "ms"),
        ratio([theirs / mine for theirs, mine in zip(baseline, cost, strict=True)]),
        figure(median(held), "ms", HELD),
        figure(max(held), "ms"),
        figure(median(at_once), "ms"),
        ratio([theirs / mine for theirs, mine in zip(at_once, held, strict=True)]),
    ]


async def _cpu_ms(measured: Reconciler) -> float:
    await asyncio.sleep(0.02)
    began = time.thread_time()
    await measured.reconcile()
    return (time.thread_time() - began) * 1e3


async def _held_ms(measured: Reconciler) -> float:
    """The longest iteration of the event loop during a pass."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            last, longest = now, max(longest, now - last)

    await asyncio.sleep(0.02)
    beating = asyncio.create_task(beat())
    await measured.reconcile()
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    return longest * 1e3


# ── the prober ──


class _Instant:
    """A probe that costs nothing."""

    async def probe(self, path: PathName, key: ProbeKey, picture: Path | None, deadline_s: float) -> ProbeResult:
        return ProbeResult(Outcome.PLAYING)


class _Scanning:
    """The baseline: compares all streams with their watches, and looks for due ones, SCAN_S after the last time."""

    def __init__(self, running: RunningStreams) -> None:
        self._running = running
        self._watches: dict[StreamId, tuple[SourceId, float]] = {}

    def scan(self) -> None:
        unfinished = {stream.id: stream for stream in self._running.all()}
        now = time.monotonic()
        watches = {}
        for stream in unfinished.values():
            if stream.source_id is not None:
                known = self._watches.get(stream.id)
                same = known is not None and known[0] == stream.source_id
                watches[stream.id] = known if known and same else (stream.source_id, now + 3600)
        self._watches = watches
        {stream.id for stream in unfinished.values() if stream.visibility is not Visibility.PUBLIC}
        sorted((due_at, id_) for id_, (_, due_at) in self._watches.items() if due_at <= now)

    async def run(self) -> None:
        while True:
            self.scan()
            await asyncio.sleep(SCAN_S)


async def _prober(count: int, second_s: float) -> list[str]:
    streams = [_stream(number, live=True) for number in range(1, count + 1)]
    running = _table_of(streams)
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        prober = Prober(
            _Instant(),
            running,
            ProbeKeys(KEYRING),
            Thumbnails(Path(folder), DATABASE),
            DATABASE,
            ProbeMetrics(Metrics()),
            limit=16,
            interval_s=3600,
        )
        prober.follow()
        async with _task(prober.run()):
            while prober.streams_playing() < count:  # noqa: ASYNC110  the first probes announce nothing
                await asyncio.sleep(0.02)
            ours = await _idle_ms(second_s)
            began = time.thread_time()
            for stream in streams:
                running.put(stream)
                await asyncio.sleep(0)
            change = (time.thread_time() - began) / count
    scanning = _Scanning(running)
    scanning.scan()
    async with _task(scanning.run()):
        theirs = await _idle_ms(second_s)
    began = time.thread_time()
    scanning.scan()
    scan = time.thread_time() - began
    return [
        figure(ours, "ms"),
        figure(theirs, "ms"),
        ratio([theirs / ours]),
        figure(change * 1e6, "µs"),
        figure(scan * 1e3, "ms"),
    ]


async def _idle_ms(seconds: float) -> float:
    """CPU of a second in which this process only waits."""
    began, from_ = time.thread_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (time.thread_time() - began) * 1e3 / (time.perf_counter() - from_)


@asynccontextmanager
async def _task(running: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(running)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _stream(number: int, *, live: bool) -> Stream:
    now = dt.datetime.now(dt.UTC)
    return Stream(
        id=StreamId(number),
        user_id=UserId(number),
        path=PathName(f"live/{number}"),
        status=Status.LIVE if live else Status.CREATED,
        key_version=1,
        key_salt=b"123456",
        visibility=Visibility.PUBLIC,
        price=0,
        title="",
        grace_s=60,
        source_id=SourceId(f"source-{number}") if live else None,
        local_start="",
        created_at=now,
        live_at=now if live else None,
        interrupted_at=None,
        ended_at=None,
        end_reason=None,
        revoked_at=None,
        coins=0,
        likes=0,
        peak_viewers=0,
    )


# ── the control API, in a process of its own ──


def _item(number: int, count: int) -> dict[str, Any]:
    viewers = [{"type": "hlsSession", "id": f"4f1c2d9e-0000-4000-8000-{viewer:012}"} for viewer in range(count)]
    size = {"width": 720, "height": 1280, "profile": "High", "level": "3.1"}
    return {
        "name": f"live/{number}",
        "confName": "~^live/([1-9][0-9]{0,9})$",
        "ready": True,
        "readyTime": AT,
        "available": True,
        "availableTime": AT,
        "online": True,
        "onlineTime": AT,
        "source": {"type": "rtmpConn", "id": f"source-{number}"},
        "tracks": ["H264", "MPEG-4 Audio"],
        "tracks2": [
            {"codec": "H264", "codecProps": size},
            {"codec": "MPEG-4 Audio", "codecProps": {"sampleRate": 48000, "channelCount": 2}},
        ],
        "readers": viewers,
        "inboundBytes": 123456789,
        "outboundBytes": 123456789,
        "inboundFramesInError": 0,
        "bytesReceived": 123456789,
        "bytesSent": 123456789,
    }


async def serve() -> None:
    leaving = await stdin()
    config = await configuration(leaving)
    items = [msgspec.json.encode(_item(number, config["viewers"])) for number in range(1, config["paths"] + 1)]

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path != "/v3/paths/list":
            body = msgspec.json.encode({"created": AT, "remoteAddr": "10.0.0.1:5000", "inboundBytes": 1})
            return web.Response(body=body)
        page, per_page = int(request.query["page"]), int(request.query["itemsPerPage"])
        shown = b",".join(items[page * per_page : (page + 1) * per_page])
        counts = b'{"itemCount":%d,"pageCount":%d,"items":[' % (len(items), -(-len(items) // per_page))
        return web.Response(body=counts + shown + b"]}")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(port=runner.addresses[0][1])
    await leaving.read()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
