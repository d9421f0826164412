"""Benchmark of memory (USS): of the control plane at rest and per idle live socket, against idle sockets of aiohttp."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from bench.callback import Stage
from bench.platform import platform
from bench.processes import child, private_bytes
from bench.report import figure, heading, step, table

SETTLE_S = 3.0


async def run(quick: bool) -> None:
    heading("memory", quick)
    steps = (200, 1000) if quick else (1000, 5000)
    async with platform() as ours, child("bench.sockets", {}) as bare:
        await asyncio.sleep(SETTLE_S)
        run = ours.run["pids"]
        rows = [
            ["the control plane at rest", figure(private_bytes(run["control_plane"]) / 1e6, "MB"), ""],
            ["a bare aiohttp server at rest", figure(private_bytes(bare.pid) / 1e6, "MB"), ""],
            ["MediaMTX at rest", figure(private_bytes(run["mediamtx"]) / 1e6, "MB"), ""],
        ]
        stage = await Stage.set(ours)
        servers = (
            ("live sockets, ours", ours.run["http_port"], f"/ws/live/{stage.stream_id}", ours.pid),
            ("idle sockets of bare aiohttp", bare.port, "/", bare.pid),
        )
        for name, port, path, pid in servers:
            at_rest = private_bytes(pid)
            async with AsyncExitStack() as stack:
                there = 0
                for sockets in steps:
                    step(f"{sockets:,} {name}")
                    crowd = {"port": port, "path": path, "sockets": sockets - there}
                    started = time.perf_counter()
                    await stack.enter_async_context(child("bench.crowd", crowd))
                    joined = (sockets - there) / (time.perf_counter() - started)
                    there = sockets
                    await asyncio.sleep(SETTLE_S)
                    each = (private_bytes(pid) - at_rest) / sockets
                    rows.append([f"{sockets:,} {name}: each", figure(each / 1000, "KB"), f"{joined:,.0f} joined/s"])
    table("Memory of the process alone", ["", "USS", ""], rows)
