"""Benchmark of the time from the end of an upload until its video plays, against one ffmpeg command that makes the same
files of the same upload, with the same low priority: on a busy machine, two priorities would be compared."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median

from bench.platform import Platform, platform
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base import ffmpeg
from control_plane.db.pool import Database, open_pool
from control_plane.pictures.model import NICE
from control_plane.videos.processing import plan
from control_plane.videos.processing.probe import probe
from tests.waiting import until

AGAINST_FFMPEG = Target(1.2)
"""After one second that is free: a start of the job, probes, the loudness, and storing."""
FREE_S = 1.0
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_HDR = (
    *("-vf", "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc,format=yuv420p10le"),
    *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"),
)
VIDEOS = {
    "3 s, 720p H.264, which is kept": ("1280x720", 30, 3, (*_H264, "-b:v", "3M")),
    "10 s, 1080p H.264 of 20 Mbit/s": (
        "1920x1080",
        30,
        10,
        (*_H264, "-b:v", "20M", "-minrate", "20M", "-maxrate", "20M", "-bufsize", "4M"),
    ),
    "3 s, 1080p HEVC with HDR": ("1920x1080", 30, 3, _HDR),
    "3 s, 4K60 H.264": ("3840x2160", 60, 3, (*_H264, "-b:v", "50M")),
}
_PROCESSED = "select state <> 'processing' from video where id = $1"
_READY = "select state = 'ready' from video where id = $1"


async def run(quick: bool) -> None:
    heading("playable", quick)
    rounds = 1 if quick else 3
    rows = []
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        async with platform(videos_per_day="1000") as ours:
            database = await open_pool(ours.dsn, 2)
            _, token = await ours.sign_in("uploader")
            for name, video in VIDEOS.items():
                step(name)
                upload = Path(folder) / plan.UPLOAD
                await record(upload, *video)
                alone, took = [], []
                for _ in range(rounds):
                    alone.append(await command_s(upload, Path(folder)))
                    took.append(await playable_s(ours, database, token, upload))
                ratios = [max(0.0, t - FREE_S) / a for t, a in zip(took, alone, strict=True)]
                step(f"  {median(took):.1f} s, ffmpeg {median(alone):.1f} s")
                rows.append(
                    [name, figure(median(took), "s"), figure(median(alone), "s"), ratio(ratios, AGAINST_FFMPEG)]
                )
            await database.close()
    table(
        "From the end of an upload to a playable video",
        ["video", "ours", "ffmpeg", f"(ours - 1 s) / ffmpeg ({AGAINST_FFMPEG})"],
        rows,
    )


async def record(file: Path, size: str, rate: int, seconds: int, codec: Sequence[str]) -> None:
    picture = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    tone = ("-f", "lavfi", "-i", f"sine=440:duration={seconds}")
    await ffmpeg.run(["-y", "-f", "lavfi", "-i", picture, *tone, *codec, "-f", "mov", str(file)], "A video", 300)


async def command_s(upload: Path, folder: Path) -> float:
    probed = await probe(upload)
    began = time.perf_counter()
    await ffmpeg.run(plan.encoding(probed, 0.0, folder), "The command", 600, nice=NICE)
    return time.perf_counter() - began


async def playable_s(ours: Platform, database: Database, token: str, upload: Path) -> float:
    """Every upload ends with other bytes, because equal ones are processed once."""
    content = upload.read_bytes() + b"\0\0\0\x18free" + secrets.token_bytes(16)
    boundary = "b" * 24
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="v.mov"\r\n\r\n'.encode()
    sent = 0.0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield head + content
        yield f"\r\n--{boundary}--\r\n".encode()
        sent = time.perf_counter()

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Authorization": f"Bearer {token}"}
    async with ours.session.post(ours.url("/api/postVideo"), data=body(), headers=headers) as response:
        answer = await response.json()
    if answer["code"] != 200:
        raise RuntimeError(f"the upload: {answer}")
    video_id = answer["msg"]["Video"]["id"]
    await until(lambda: database.fetchval(_PROCESSED, video_id), 600, what="the video is processed")
    if not await database.fetchval(_READY, video_id):
        raise RuntimeError("the video could not be converted")
    return time.perf_counter() - sent
