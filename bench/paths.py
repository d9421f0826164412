"""Benchmark of how long a reconciler pass blocks the event loop when no stream has changed.

Compares listing in pages and comparing in slices with one listing and one comparison of all streams.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from contextlib import suppress
from statistics import median
from typing import Any, cast

import msgspec
import uvloop
from aiohttp import web

from bench.processes import child, configuration, say, stdin
from bench.report import Target, figure, heading, step, table
from control_plane.base.ids import StreamId, UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from control_plane.observe.lag import calm_garbage_collection
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media import reconciler
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.media.reconciler import Reconciler
from control_plane.streams.model import Status, Stream, Visibility
from control_plane.streams.running import RunningStreams
from mediamtx.node.client import ITEMS_PER_PAGE, MediaMTXClient

HELD = Target(5.0)
ALL = 1_000_000
AT = "2026-11-29T08:00:00.000000000Z"


async def run(quick: bool) -> None:
    heading("paths", quick)
    await asyncio.to_thread(uvloop.run, _measure(10 if quick else 50))


async def _measure(passes: int) -> None:
    calm_garbage_collection()
    rows = []
    for name, count, live in (
        ("2,000 live, 20 viewers each", 2000, True),
        ("500 that wait for a publisher", 500, False),
    ):
        step(name)
        async with child("bench.paths", {"paths": count if live else 0}) as server:
            streams = [_stream(number, live=live) for number in range(1, count + 1)]
            ours = await _held(server.port, streams, passes, ITEMS_PER_PAGE, reconciler.SLICE)
            whole = await _held(server.port, streams, passes, ALL, ALL)
        rows.append(
            [
                name,
                figure(median(ours), "ms", HELD),
                figure(max(ours), "ms"),
                figure(median(whole), "ms"),
                figure(median(whole) / median(ours)),
            ]
        )
    columns = ["longest hold of a pass", f"median ({HELD} ms)", "worst", "in one go", "one go/ours"]
    table(f"{passes} passes", columns, rows)


async def _held(port: int, streams: list[Stream], passes: int, items_per_page: int, in_one_go: int) -> list[float]:
    """The longest iteration of the event loop in each pass, in ms."""
    # A pass without changes uses neither.
    database, lifecycle = cast("Database", None), cast("Lifecycle", None)
    running = RunningStreams(database, PostgresBus(""), StreamKeys(Keyring((Secret("a", bytes(32)),))), 900)
    for stream in streams:
        running.put(stream)
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            last, longest = now, max(longest, now - last)

    before, reconciler.SLICE = reconciler.SLICE, in_one_go
    held = []
    async with MediaMTXClient(f"http://127.0.0.1:{port}", "", 30.0, items_per_page) as client:
        ours = Reconciler(client, running, lifecycle, database, never_published_s=600)
        await ours.reconcile()  # the first pass looks up each publisher
        beating = asyncio.create_task(beat())
        for _ in range(passes):
            await asyncio.sleep(0.02)
            longest = 0.0
            await ours.reconcile()
            held.append(longest * 1000)
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
    reconciler.SLICE = before
    return held


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


def _item(number: int) -> dict[str, Any]:
    viewers = [{"type": "hlsSession", "id": f"4f1c2d9e-0000-4000-8000-{viewer:012}"} for viewer in range(20)]
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
    items = [msgspec.json.encode(_item(number)) for number in range(1, config["paths"] + 1)]

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
