"""Benchmark of the feed and other reads on a large and on a small database, with generic and with automatic plans.

`tests/control_plane/grown.py` fills the databases. SQL is timed on one connection with the product's settings; calls go
through the whole platform.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.load import Load, callers, post, quantile
from bench.platform import platform
from bench.processes import OTHER_CORES
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.accounts import session_store as sessions
from control_plane.accounts import store as accounts
from control_plane.db.connections import Connection, new_connection
from control_plane.db.embedded.roles import SERVER
from control_plane.db.migrate import migrate
from control_plane.eventlog import store as events
from control_plane.ledger import store as ledger
from control_plane.live import store as live
from control_plane.social import visits_store as visits
from control_plane.streams import store as streams
from control_plane.videos import lists_store as videos
from control_plane.videos.lists import cells_near
from control_plane.videos.pages import DEEPEST as MOST_SKIPPED
from control_plane.videos.pages import NEWEST
from tests.control_plane.grown import STAR, Size, fill
from tests.postgres import as_superuser, running_postgres

GROWN = Size(users=100_000, videos=200_000, gifts=100_000, visits=50_000)
YOUNG = Size(users=64, videos=100, gifts=100, visits=50)
PAGE = 10
DEEPEST = MOST_SKIPPED // PAGE - 1
SQL_OF_A_PAGE = Target(5)
AGAINST_CHOSEN = Target(1.2)
WARM_UP = 8
"""Executions before the measurement. With `auto`, PostgreSQL chooses between custom and generic plans after five."""


@dataclass(frozen=True, slots=True)
class Read:
    name: str
    statement: str
    arguments: Callable[[int], Sequence[Any]]
    """Makes the statement's arguments from the number of users."""


def some(users: int, count: int) -> list[int]:
    return random.sample(range(1, users + 1), min(count, users))


def one(users: int) -> int:
    return random.randint(2, users)


LATER = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
READS = (
    Read("feed, page 0", videos._RELATED, lambda users: (PAGE, 0, None, NEWEST)),
    Read("feed, deepest page by offset", videos._RELATED, lambda users: (PAGE, DEEPEST * PAGE, None, NEWEST)),
    Read("a user", accounts._BY_IDS, lambda users: ([one(users)],)),
    Read("the star, with unseen visits", accounts._BY_IDS, lambda users: ([STAR],)),
    Read("10 users", accounts._BY_IDS, lambda users: (some(users, 10),)),
    Read("a user by name", accounts._HOLDER, lambda users: (f"USER{(user := one(users))}", f"user{user}")),
    Read("a user by identity", accounts._OWN_BY_IDENTITY, lambda users: ("dev", f"user{one(users)}")),
    Read("a user's sessions", sessions._STATE, lambda users: (one(users),)),
    Read("a visit", visits._VISIT, lambda users: (one(users), 1)),
    Read("accounts of a gift", ledger._LOCK, lambda users: ([2, 3, 3], ["bought", "bought", "earned"])),
    Read("a user with the wallet", accounts._OWN_BY_ID, lambda users: (one(users),)),
    Read("snapshot for a join", live._SNAPSHOT, lambda users: ([STAR], None, None, STAR)),
    Read("figures of a stream", live._TOTALS, lambda users: ([STAR],)),
    Read("figures of 50 streams", live._TOTALS, lambda users: (some(users, 50),)),
    Read("newest events of 50 streams", events._TAILS, lambda users: (some(users, 50),)),
    Read("a stream", streams._GET, lambda users: (one(users),)),
    Read("no gift since", streams._GIFT_SINCE, lambda users: (STAR, LATER)),
)


async def run(quick: bool) -> None:
    heading("feed", quick)
    rounds, times = (2, 20) if quick else (5, 100)
    with ThreadPoolExecutor(1) as thread:  # it runs an event loop of its own
        serving = running_postgres(migrate_only)
        postgres = await asyncio.get_running_loop().run_in_executor(thread, serving.__enter__)
        try:
            async with postgres.database() as grown, postgres.database() as young:
                step(f"{GROWN.users:,} users, {GROWN.videos:,} videos, {GROWN.gifts:,} gifts, {GROWN.visits:,} visits")
                await fill(grown, GROWN)
                await fill(young, YOUNG)
                await lists(grown, times)
                await pages(as_superuser(grown), times * rounds)
                await plans({"young": (young, YOUNG.users), "grown": (grown, GROWN.users)}, rounds, times)
                await postgres.execute_in(
                    grown, "update stream set status = 'ended', ended_at = now(), source_id = null"
                )
                await calls(grown, 0.5 if quick else 2)
        finally:
            await asyncio.get_running_loop().run_in_executor(thread, serving.__exit__, None, None, None)


async def migrate_only(dsn: str) -> None:
    await migrate(dsn, server_role=SERVER)


@asynccontextmanager
async def connected(dsn: str, plan_cache_mode: str) -> AsyncIterator[Connection]:
    connection = await new_connection(dsn)
    try:
        await connection.execute(f"set plan_cache_mode = {plan_cache_mode}")
        yield connection
    finally:
        await connection.close()


LISTS: Mapping[str, tuple[str, Sequence[Any]]] = {
    "related": (videos._RELATED, ()),
    "following": (videos._FOLLOWING, ()),
    "nearby": (videos._NEARBY, (cells_near(48.1, 11.1),)),
    "at a location": (videos._AT_LOCATION, (1, None)),
    "of a user": (videos._OF_USER, (2,)),
    "own private": (videos._PRIVATE_OF, ()),
    "liked by the star": (videos._LIKED, (STAR,)),
    "reposted by the star": (videos._REPOSTED, (STAR,)),
    "saved by the star": (videos._FAVOURITES, (STAR,)),
    "stories of friends": (videos._FRIENDS_STORIES, ()),
}
VIEWERS: Mapping[str, int | None] = {"a guest": None, "a user": 2, "the star, who blocks and follows thousands": STAR}


async def lists(dsn: str, times: int) -> None:
    """Time the statement of each list for viewers with few and with many filters."""
    step("lists of videos")
    rows = []
    async with connected(dsn, "force_generic_plan") as connection:
        for name, (statement, of) in LISTS.items():
            for place, before, skipped in (
                *(("page 0", NEWEST, 0), ("a page in the middle, by its key", GROWN.videos // 2, 0)),
                ("deepest page by offset", NEWEST, DEEPEST * PAGE),
            ):
                row = [f"{name}, {place}"]
                for viewer in VIEWERS.values():
                    took = []
                    for _ in range(times):
                        started = time.perf_counter()
                        await connection.fetch(statement, PAGE, skipped, viewer, before, *of)
                        took.append((time.perf_counter() - started) * 1000)
                    row.append(figure(median(took), "ms", SQL_OF_A_PAGE))
                rows.append(row)
    table(f"SQL of a page of each list ({SQL_OF_A_PAGE})", ["p50", *VIEWERS], rows)


async def pages(dsn: str, times: int) -> None:
    """Time both statements of a feed page."""
    rows = []
    async with connected(dsn, "force_generic_plan") as connection:
        for changed in (False, True):
            if changed:
                step("every video is changed, without a vacuum after it")
                await connection.execute("alter table video set (autovacuum_enabled = false)")
                await connection.execute("update video set description = description || '.'")
            for page in (0, DEEPEST // 2, DEEPEST, DEEPEST + 1):
                took = []
                for _ in range(times):
                    started = time.perf_counter()
                    if page <= DEEPEST:
                        shown = await connection.fetch(videos._RELATED, PAGE, page * PAGE, None, NEWEST)
                        await connection.fetch(accounts._BY_IDS, list({row["user_id"] for row in shown}))
                    took.append((time.perf_counter() - started) * 1000)
                took.sort()
                name = f"page {page:,}" + (", all videos just changed" if changed else "")
                rows.append([name, figure(median(took), "ms", SQL_OF_A_PAGE), figure(quantile(took, 0.99), "ms")])
        await connection.execute("alter table video reset (autovacuum_enabled)")
        await connection.execute("vacuum analyze video")
    table(f"SQL of a page of {GROWN.videos:,} videos", ["", f"p50 ({SQL_OF_A_PAGE})", "p99"], rows)


async def plans(databases: Mapping[str, tuple[str, int]], rounds: int, times: int) -> None:
    rows = [[read.name] for read in READS]
    for size, (dsn, users) in databases.items():
        step(f"plans, {size}")
        async with connected(dsn, "force_generic_plan") as once, connected(dsn, "auto") as chosen:
            for row, read in zip(rows, READS, strict=True):
                pairs = []
                for number in range(rounds + 1):
                    count = times if number else WARM_UP
                    pairs.append(await per_use((once, chosen), read, users, count))
                measured = pairs[1:]
                row += [figure(median(pair[column] for pair in measured), "µs") for column in (0, 1)]
                row.append(ratio([ours / theirs for ours, theirs in measured], AGAINST_CHOSEN))
    columns = [""]
    for size in databases:
        columns += [f"{size}, once", "chosen", f"once/chosen ({AGAINST_CHOSEN})"]
    table("Statements with a generic plan (planned once) and with the plan that PostgreSQL chooses", columns, rows)


async def per_use(connections: Sequence[Connection], read: Read, users: int, times: int) -> list[float]:
    """Microseconds per execution on each connection. The order alternates, because the second one finds warm caches."""
    took = [0.0] * len(connections)
    order = list(enumerate(connections))
    for _ in range(times):
        values = read.arguments(users)
        for number, connection in order:
            started = time.perf_counter()
            await connection.fetch(read.statement, *values)
            took[number] += time.perf_counter() - started
        order.reverse()
    return [seconds / times * 1e6 for seconds in took]


async def calls(dsn: str, seconds: float) -> None:
    rows = []
    async with callers(OTHER_CORES) as calling, platform(database_url=dsn) as ours:
        _, token = await ours.sign_in("user2")
        cases: list[tuple[str, str, dict[str, Any]]] = [
            ("feed, page 0", "showRelatedVideos", {"starting_point": 0}),
            (f"feed, page {DEEPEST}", "showRelatedVideos", {"starting_point": DEEPEST}),
            ("the star's profile", "showUserDetail", {"other_user_id": STAR}),
            ("no such user", "showUserDetail", {"username": "nobody"}),
        ]
        for name, endpoint, body in cases:
            step(name)
            row = [name]
            for signed_in in (False, True):
                headers = {"Authorization": f"Bearer {token}"} if signed_in else {}
                request = post(f"/api/{endpoint}", json.dumps(body).encode(), User_Agent="okhttp/4.9.3", **headers)
                for count in (1, 64):
                    load = Load(ours.run["http_port"], [request], count, seconds, expect=b'"code":20')
                    answers = (await calling.measure(load, ours.pid)).answers
                    row.append(f"{figure(answers.per_s)} · {figure(answers.quantile_ms(0.99), 'ms')}")
            rows.append(row)
    columns = ["calls/s · p99", "guest, 1 caller", "64", "signed in, 1 caller", "64"]
    table("Calls", columns, rows)
