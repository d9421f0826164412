"""Benchmark of the connection pool: acquire, `select 1`, release; ours against asyncpg's, with and without its reset
query."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import asyncpg
import uvloop

from bench.report import figure, heading, ratio, table
from control_plane.db.pool import DEADLINE_S, open_pool
from tests.postgres import running_postgres

SIZE = 10
TASKS = (1, 16, 64)
Use = Callable[[], Awaitable[object]]


async def run(quick: bool) -> None:
    heading("pool", quick)
    rounds, uses = (4, 800) if quick else (12, 3200)
    with ThreadPoolExecutor(1) as thread:  # the server and the measured loop need a loop of their own each
        await asyncio.get_running_loop().run_in_executor(thread, _run, rounds, uses)


def _run(rounds: int, uses: int) -> None:
    with running_postgres() as postgres:

        async def measured() -> None:
            async with postgres.database() as dsn:
                await _measure(dsn, rounds, uses)

        uvloop.run(measured())


async def no_reset(connection: object) -> None:
    """For `create_pool`, which then sends no query at a release."""


async def _measure(dsn: str, rounds: int, uses: int) -> None:
    ours = await open_pool(dsn, SIZE)
    async with (
        asyncpg.create_pool(dsn, min_size=SIZE, max_size=SIZE, reset=no_reset) as theirs,
        asyncpg.create_pool(dsn, min_size=SIZE, max_size=SIZE) as resetting,
    ):

        async def of_ours() -> object:
            return await ours.fetchval("select 1")

        async def of_theirs() -> object:
            async with theirs.acquire(timeout=DEADLINE_S) as connection:
                return await connection.fetchval("select 1", timeout=DEADLINE_S)

        async def of_resetting() -> object:
            async with resetting.acquire(timeout=DEADLINE_S) as connection:
                return await connection.fetchval("select 1", timeout=DEADLINE_S)

        pools: dict[str, Use] = {"ours": of_ours, "asyncpg, no reset": of_theirs, "asyncpg": of_resetting}
        rows = []
        for tasks in TASKS:
            cpu_us, per_s = defaultdict(list), defaultdict(list)
            for number in range(rounds + 1):
                for name, use in pools.items():
                    cpu, took = await _uses(use, tasks, uses)
                    if number:  # the first round opens connections
                        cpu_us[name].append(cpu)
                        per_s[name].append(took)
            for name in pools:
                more_cpu = [one / base for one, base in zip(cpu_us[name], cpu_us["ours"], strict=True)]
                share = [one / base for one, base in zip(per_s[name], per_s["ours"], strict=True)]
                figures = (
                    figure(median(cpu_us[name]), "µs"),
                    ratio(more_cpu),
                    figure(median(per_s[name])),
                    ratio(share),
                )
                rows.append([f"{tasks} tasks, {name}", *figures])
    await ours.close()
    table(f"A use of one of {SIZE} connections", ["", "CPU", "of ours", "uses/s", "of ours"], rows)


async def _uses(use: Use, tasks: int, uses: int) -> tuple[float, float]:
    """CPU of a use in µs, and uses per second."""

    async def several() -> None:
        for _ in range(uses // tasks):
            await use()

    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(several() for _ in range(tasks)))
    done = uses // tasks * tasks
    return (time.process_time() - cpu) / done * 1e6, done / (time.perf_counter() - started)
