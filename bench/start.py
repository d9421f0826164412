"""Benchmark of a warm start: from the command to /readyz 200, in a data directory that has been used before.

Baselines: the interpreter with the imports, and an empty aiohttp server.
"""

from __future__ import annotations

import asyncio
import sys
import time
from statistics import median

from bench.platform import platform
from bench.processes import ROOT, child
from bench.report import Target, figure, heading, step, table

WARM = Target(3.0)


async def run(quick: bool) -> None:
    heading("start", quick)
    starts = 2 if quick else 5
    warm, imports, bare = [], [], []
    async with platform() as ours:
        for number in range(starts):
            await ours.stop()
            warm.append(await ours.start())
            imports.append(await importing())
            bare.append(await starting_bare())
            step(f"{number + 1} of {starts}: {warm[-1]:.2f} s")
    rows = [
        ["warm start to /readyz 200", figure(median(warm), "s", WARM), figure(max(warm), "s", WARM)],
        ["of it: the interpreter and the imports", figure(median(imports), "s"), figure(max(imports), "s")],
        ["a bare aiohttp server", figure(median(bare), "s"), figure(max(bare), "s")],
    ]
    table(f"{starts} starts", ["", f"median ({WARM} s)", "worst"], rows)


async def importing() -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import stagedoor.cli, stagedoor.run"), cwd=ROOT
    )
    async with asyncio.timeout(30):
        await process.wait()
    return time.perf_counter() - started


async def starting_bare() -> float:
    started = time.perf_counter()
    async with child("bench.bare", {}):
        return time.perf_counter() - started
