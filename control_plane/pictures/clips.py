"""Uploaded profile videos become short H.264 MP4s that every app plays: looked at and encoded again in bounded
processes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from control_plane.base import child, ffmpeg
from control_plane.base.child import Kind
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ffmpeg import FfmpegFailed
from control_plane.pictures import workers
from control_plane.pictures.clip_model import BROKEN_CLIP, CONTAINERS, LONGEST_S, SIDE, ClipAnswer
from control_plane.pictures.model import NICE, PictureRefused
from control_plane.pictures.turns import Turns
from control_plane.pictures.workers import WorkerFailed

AT_ONCE, WAITING = 1, 4
"""Encoding takes a processor for seconds. More at once slow the server down; more that wait wait longer than an app
does."""
PROBE_S = 15.0
ENCODE_S = 120.0
"""20 s of 4K video take a minute on a slow processor."""
MEMORY_BYTES = 2 << 30
"""Of the encoder. Smaller: 4K video is refused as damaged. Larger: hostile video takes more memory from the server."""
_ANSWER_BYTES = 4096
_PROBE = "control_plane.pictures.clip_probe"
_FIT = f"min(1,{SIDE}/max(iw,ih))"
_ENCODED = (
    *("-map", "0:v:0", "-map", "0:a:0?", "-t", str(LONGEST_S), "-fpsmax", "30", "-threads", "1"),
    *("-vf", f"scale='max(2,trunc({_FIT}*iw/2)*2)':'max(2,trunc({_FIT}*ih/2)*2)',setsar=1"),
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-maxrate", "2500k", "-bufsize", "5M"),
    *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-ac", "2"),
    *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
    *("-flags:a", "+bitexact", "-movflags", "+faststart", "-f", "mp4"),
)


class EncoderMissing(ControlPlaneError):
    """There is no ffmpeg; the cause says why."""

    code = "encoder_missing"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("Videos cannot be converted at the moment. Please try again later.")


class Clips:
    """`folder` is where files are kept while they are encoded, `ffmpeg_setting` is LIVE_FFMPEG."""

    def __init__(self, folder: Path, ffmpeg_setting: str = "") -> None:
        self._folder = folder
        self._ffmpeg_setting = ffmpeg_setting
        self._turns = Turns(AT_ONCE, WAITING)

    @asynccontextmanager
    async def encoded(self, upload: Path) -> AsyncIterator[Path]:
        """The MP4, until the exit. Raises PictureRefused, TooManyPictures and EncoderMissing."""
        async with self._turns.one():
            await _look(upload)
            program = await asyncio.to_thread(self._program)
            self._folder.mkdir(parents=True, exist_ok=True)
            account = child.account_for(Kind.WORKER)
            with child.scratch(self._folder, account, "clip-") as scratch:
                await asyncio.to_thread(shutil.copyfile, upload, scratch / "in")
                try:
                    await ffmpeg.run(
                        _encoding(scratch),
                        "A profile video",
                        ENCODE_S,
                        account,
                        program=program,
                        nice=NICE,
                        memory_bytes=MEMORY_BYTES,
                    )
                    taken = self._folder / f"{scratch.name}.mp4"
                    await asyncio.to_thread(child.take, scratch / "out", taken)
                except (FfmpegFailed, OSError):
                    raise PictureRefused(BROKEN_CLIP) from None
            try:
                yield taken
            finally:
                taken.unlink(missing_ok=True)

    def _program(self) -> Path:
        try:
            return ffmpeg.executable(self._ffmpeg_setting)
        except FfmpegFailed as error:
            raise EncoderMissing from error


def _encoding(folder: Path) -> list[str]:
    """The arguments that encode `in` as `out`."""
    opened = ("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS, "-i", str(folder / "in"))
    return ["-threads", "1", *opened, *_ENCODED, str(folder / "out")]


async def _look(upload: Path) -> None:
    """Raises PictureRefused unless it is a video that we take."""
    with await asyncio.to_thread(upload.open, "rb", 0) as file:
        try:
            output = await workers.run(_PROBE, file, PROBE_S, _ANSWER_BYTES)
            refused = msgspec.json.decode(output, type=ClipAnswer).refused
        except (WorkerFailed, msgspec.DecodeError):
            raise PictureRefused(BROKEN_CLIP) from None
    if refused:
        raise PictureRefused(refused[:200])
