"""Benchmark of postVideo with a file of 500 MB: its rate against a plain aiohttp handler that reads the same form and writes
it to the disk, and the memory of the server meanwhile.

Both servers are pinned to one core; the caller shares the other one with PostgreSQL and the probe. The videos are not
processed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Any, Self

import aiohttp

from bench.platform import Platform, platform
from bench.processes import OTHER_CORES, SERVER_CORES, child, pin, private_bytes
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base import ffmpeg
from control_plane.db.pool import open_pool

AGAINST_PLAIN = Target(0.8, at_least=True)
GROWTH_MB = Target(32)
"""A file in memory would be 500."""
PIECE_BYTES = 1 << 20
LATER = """
    create function bench_later() returns trigger language plpgsql as $$
    begin
        new.execute_after := now() + interval '1 day';
        return new;
    end $$;
    create trigger bench_later before insert on pgqueuer for each row when (new.entrypoint like 'process_%')
        execute function bench_later()
"""
"""The processor is for the uploads."""


async def run(quick: bool) -> None:
    heading("upload", quick)
    rounds, size = (2, 500 << 20) if quick else (5, 500 << 20)
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        video, kept = Path(folder) / "video.mp4", Path(folder) / "kept"
        kept.mkdir()
        step(f"a video of {size >> 20} MB")
        await record(video, size)
        settings = {"video_bytes_per_day": str(1 << 40), "videos_per_day": "1000"}
        async with platform(**settings) as ours, child("bench.plain_upload", {"folder": str(kept)}) as plain:
            pin(plain.pid, SERVER_CORES)
            ours.pin()
            pin(os.getpid(), OTHER_CORES)
            database = await open_pool(ours.owner_dsn, 2)
            await database.execute(LATER)
            await database.close()
            _, token = await ours.sign_in("uploader")
            headers = {"Authorization": f"Bearer {token}"}
            figures: dict[str, list[float]] = {"ours": [], "plain": []}
            growth: list[float] = []
            for number in range(rounds + 1):
                step(f"round {number}" if number else "warm-up")
                seconds = await upload(ours, f"http://127.0.0.1:{plain.port}/", {}, video)
                used = private_bytes(ours.pid)
                async with Peak(ours.pid) as most:
                    ours_s = await upload(ours, ours.url("/api/postVideo"), headers, video)
                grown = (most.bytes - used) / 1e6
                for file in [*kept.iterdir(), *(ours.data_dir / "media" / "private").iterdir()]:
                    shutil.rmtree(file) if file.is_dir() else file.unlink()
                if number:
                    figures["ours"].append(ours_s)
                    figures["plain"].append(seconds)
                    growth.append(grown)
    rates = {name: size / 1e6 / median(values) for name, values in figures.items()}
    ratios = [plain_s / ours_s for plain_s, ours_s in zip(figures["plain"], figures["ours"], strict=True)]
    row = [f"{size >> 20} MB", figure(rates["ours"]), figure(rates["plain"]), ratio(ratios, AGAINST_PLAIN)]
    table("Uploads, MB/s", ["file", "ours", "plain", f"ratio ({AGAINST_PLAIN})"], [row])
    table("Memory", ["", f"growth, MB ({GROWTH_MB})"], [["during an upload", figure(max(growth), target=GROWTH_MB)]])


async def record(file: Path, size: int) -> None:
    """A video of this size, of noise, which no codec makes smaller."""
    noise = ("-f", "lavfi", "-i", "nullsrc=size=1280x720:rate=30:duration=2,noise=alls=100:allf=t+u")
    piece = file.with_name("piece.mp4")
    await ffmpeg.run([*noise, *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", str(piece))], "A piece", 120)
    times = size // piece.stat().st_size - 1
    await ffmpeg.run(["-stream_loop", str(times), "-i", str(piece), "-c", "copy", str(file)], "A long video", 120)


async def upload(ours: Platform, url: str, headers: dict[str, str], video: Path) -> float:
    """Seconds until the answer. Every upload ends with other bytes, because equal ones are stored once."""
    end = b"\0\0\0\x18free" + secrets.token_bytes(16)
    boundary = "b" * 24
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="v.mp4"\r\n\r\n'.encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    async def body() -> AsyncIterator[bytes]:
        yield head
        with video.open("rb", buffering=0) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
        yield end + tail

    length = len(head) + video.stat().st_size + len(end) + len(tail)
    sent = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length), **headers}
    started = time.perf_counter()
    timeout = aiohttp.ClientTimeout(total=600)
    async with ours.session.post(url, data=body(), headers=sent, timeout=timeout) as response:
        answer: dict[str, Any] = await response.json()
    seconds = time.perf_counter() - started
    if answer["code"] != 200:
        raise RuntimeError(f"the upload: {answer}")
    return seconds


class Peak:
    """The most private memory of a process until the exit."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.bytes = 0

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()
        await asyncio.wait([self._watching])

    async def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, private_bytes(self._pid))
            await asyncio.sleep(0.05)
