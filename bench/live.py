"""Benchmark of the time from an accepted publish to the event `live` at a viewer's socket.

All timestamps are of one clock: MediaMTX's for the connection and for the path going online, and the arrival of the
frame at the socket. The time until `online` is the publisher's and MediaMTX's, which first analyses the tracks; our
callback answers within it. The time after it is ours.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import quantile
from bench.looped import encode
from bench.platform import Platform, platform, until
from bench.report import Target, figure, heading, step, table
from control_plane.base import ffmpeg

OURS = Target(100)
LIVE_S = 20.0
_FRACTION = re.compile(r"\.(\d{6})\d*")


@dataclass(frozen=True, slots=True)
class GoneLive:
    """Durations in milliseconds."""

    media_server: float
    """Connection to online."""
    ours: float
    """Online to the frame at the socket."""


async def run(quick: bool) -> None:
    heading("live", quick)
    repetitions = 3 if quick else 12
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        clip = Path(folder) / "clip.mp4"
        await encode(clip)
        async with platform() as ours:
            results = []
            for number in range(repetitions):
                results.append(await go_live(ours, clip, f"host{number}"))
                step(f"{number + 1} of {repetitions}: online to socket {results[-1].ours:.0f} ms")
    rows = []
    for name, values, target in (
        ("connection → online: publisher and MediaMTX", sorted(result.media_server for result in results), None),
        ("online → `live` at a socket: ours", sorted(result.ours for result in results), OURS),
        ("both", sorted(result.media_server + result.ours for result in results), None),
    ):
        rows.append(
            [
                name,
                figure(median(values), "ms", target),
                figure(quantile(values, 0.95), "ms", target),
                figure(values[-1], "ms", target),
            ]
        )
    table(
        f"From an accepted publish to `live` at a socket, {repetitions} times",
        ["", "p50", "p95", f"worst (ours {OURS} ms)"],
        rows,
    )


async def go_live(ours: Platform, clip: Path, name: str) -> GoneLive:
    _, token = await ours.sign_in(name)
    stream = await ours.go_live(token)
    async with watching(ours, stream["id"]) as live_at:
        process = await ffmpeg.spawn(
            ["-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy", "-f", "flv", stream["rtmp_url"]]
        )
        try:
            async with asyncio.timeout(LIVE_S):
                arrived = await live_at
            path = await media(ours, f"paths/get/live/{stream['id']}")
            connection = await media(ours, f"rtmpconns/get/{path['source']['id']}")
        finally:
            await ffmpeg.kill(process)
    online, connected = moment(path["onlineTime"]), moment(connection["created"])
    await until(lambda: gone(ours, stream["id"]), LIVE_S, "the publisher is gone")
    return GoneLive((online - connected) * 1000, (arrived - online) * 1000)


@asynccontextmanager
async def watching(ours: Platform, stream_id: int) -> AsyncIterator[asyncio.Future[float]]:
    """Open a live socket. The future is the Unix time at which `live` arrived."""
    arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    url = ours.url(f"/ws/live/{stream_id}").replace("http://", "ws://")
    async with ours.session.ws_connect(url) as socket:
        await socket.receive()

        async def watch() -> None:
            async for message in socket:
                at = time.time()
                frame = json.loads(message.data)
                if frame["type"] == "status" and frame["data"]["status"] == "live" and not arrived.done():
                    arrived.set_result(at)

        watcher = asyncio.create_task(watch())
        try:
            yield arrived
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)


async def media(ours: Platform, call: str) -> dict[str, Any]:
    async with ours.session.get(
        f"http://127.0.0.1:{ours.run['mediamtx_api_port']}/v3/{call}", headers=ours.media_api
    ) as response:
        answer: dict[str, Any] = json.loads(await response.read())
        return answer


async def gone(ours: Platform, stream_id: int) -> bool:
    async with ours.session.get(
        f"http://127.0.0.1:{ours.run['mediamtx_api_port']}/v3/paths/get/live/{stream_id}", headers=ours.media_api
    ) as response:
        return response.status == 404


def moment(text: str) -> float:
    """Parse RFC 3339 with nanoseconds into Unix time."""
    return dt.datetime.fromisoformat(_FRACTION.sub(r".\1", text)).timestamp()
