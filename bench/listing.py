"""Benchmark of `/live` with 5,000 streams: how long it blocks the event loop, and a call's CPU by calls a second."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from api.http.urls import Urls
from api.pages.live import LiveNow
from bench.platform import platform
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from control_plane.streams.keys import StreamKeys
from control_plane.streams.running import RunningStreams

STREAMS = 5_000
FEW, MANY = 10, 10_000
HOLD_MS = Target(5.0)
PER_CALL = Target(1.1)
URLS = Urls("live.example.com", 8080, 1935, 8888, 8889, 8890)
_STREAMS = """
    with made as (insert into app_user (username) select 'crowd' || n from generate_series(1, $1) as n returning id)
    insert into stream (user_id, path, grace_s, status, live_at, interrupted_at, title)
    select id, 'live/crowd-' || id, 1800, 'interrupted', now(), now(), 'An evening at the old theatre' from made
"""


async def run(quick: bool) -> None:
    heading("listing", quick)
    rounds = 3 if quick else 20
    holds, alone, few, many = [], [], [], []
    async with platform() as ours:
        database = await ours.open_database()
        try:
            await database.execute(_STREAMS, STREAMS, deadline_s=60)
            listing = await _listing(database)
            for number in range(rounds):
                holds.append(await _longest_hold(listing))
                alone.append(await _first_call(listing))
                few.append(await _per_call(listing, FEW))
                many.append(await _per_call(listing, MANY))
                step(f"{number + 1} of {rounds}: held for {holds[-1] * 1000:.2f} ms")
        finally:
            await database.close()
    table(
        f"{STREAMS:,} streams, {rounds} rounds",
        ["", "median", "worst"],
        [
            [f"longest hold of the loop ({HOLD_MS} ms)", *_in(1e3, "ms", holds, HOLD_MS)],
            ["the first call of a second, which makes the page", *_in(1e3, "ms", alone)],
            [f"each call after it, of {FEW:,} in a second", *_in(1e6, "µs", few)],
            [f"each call after it, of {MANY:,} in a second", *_in(1e6, "µs", many)],
            [
                f"{MANY:,} against {FEW:,} ({PER_CALL})",
                ratio([b / a for a, b in zip(few, many, strict=True)], PER_CALL),
                "",
            ],
        ],
        "Handlers alone, without aiohttp's reading and writing.",
    )


def _in(scale: float, unit: str, values: list[float], target: Target | None = None) -> tuple[str, str]:
    return figure(median(values) * scale, unit, target), figure(max(values) * scale, unit)


async def _nothing_hidden(_: web.Request) -> frozenset[UserId]:
    return frozenset()


class _Listing:
    """The listing with a clock of its own: `next_second` expires its cache."""

    def __init__(self, database: Database, running: RunningStreams) -> None:
        self._now = 0.0
        self._request = make_mocked_request("GET", "/live", headers={"Accept-Encoding": "gzip"})
        self._live = LiveNow(
            database,
            running,
            lambda _: URLS,
            lambda id_: id_ * 7919 % 977,
            lambda _: "",
            _nothing_hidden,
            lambda: self._now,
        )

    def next_second(self) -> None:
        self._now += 1

    async def show(self) -> web.Response:
        return await self._live.show(self._request)


async def _listing(database: Database) -> _Listing:
    keys = StreamKeys(Keyring((Secret("a", b"of this bench, used by nothing!!"),)))
    running = RunningStreams(database, PostgresBus(""), keys, 900)
    await running.load()
    return _Listing(database, running)


async def _longest_hold(listing: _Listing) -> float:
    """Seconds: the longest time between two iterations of the event loop while a page is made."""
    listing.next_second()
    call = asyncio.ensure_future(listing.show())
    longest, before = 0.0, time.perf_counter()
    while not call.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    await call
    return longest


async def _first_call(listing: _Listing) -> float:
    listing.next_second()
    began = time.perf_counter()
    await listing.show()
    return time.perf_counter() - began


async def _per_call(listing: _Listing, calls: int) -> float:
    await _first_call(listing)
    began = time.process_time()
    for _ in range(calls):
        await listing.show()
    return (time.process_time() - began) / calls
