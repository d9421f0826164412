"""Videos as phones make them, drawn once per session."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from control_plane.base import ffmpeg

SECRETS = (b"SecretTitle", b"48.8588", b"SecretMessage")
"""Of the metadata of every sample."""
_SECRET = (
    "-metadata",
    "title=SecretTitle",
    "-metadata",
    "location=+48.8588+002.2943/",
    "-metadata",
    "comment=SecretTitle",
)
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_SOUND = ("-c:a", "aac")


def drawn(size: str = "320x180", *, rate: int = 30, seconds: float = 1, loudness_db: float = -20) -> tuple[str, ...]:
    """Arguments that open a test picture, and a tone."""
    tone = f"sine=440:duration={seconds},volume={loudness_db}dB"
    picture = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    return ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone)


class Samples:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._drawing = asyncio.Lock()

    async def draw(self, name: str, arguments: Sequence[str]) -> Path:
        """The file that ffmpeg writes, which has this name at its end."""
        digest = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:16]
        file = self.folder / f"{digest}-{name}"
        if not file.exists():
            unfinished = self.folder / f"new-{digest}-{name}"
            await ffmpeg.run(["-y", *arguments, str(unfinished)], "a test video", 120, nice=0)
            unfinished.rename(file)
        return file

    async def plain(
        self, size: str = "320x180", *, rate: int = 30, seconds: float = 1, loudness_db: float = -20
    ) -> Path:
        """H.264 and AAC."""
        return await self.draw(
            "plain.mp4", [*drawn(size, rate=rate, seconds=seconds, loudness_db=loudness_db), *_X264, *_SOUND, *_SECRET]
        )

    async def turned(self) -> Path:
        """Portrait: landscape with a rotation flag."""
        source = await self.plain("640x360")
        return await self.draw("turned.mov", ["-display_rotation", "90", "-i", str(source), "-c", "copy", *_SECRET])

    async def hdr(self, size: str = "640x360", rate: int = 30) -> Path:
        """HEVC with 10 bits and HLG, as iPhones record."""
        tags = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc,format=yuv420p10le"
        hevc = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1")
        return await self.draw("hdr.mov", [*drawn(size, rate=rate), "-vf", tags, *hevc, *_SOUND, *_SECRET])

    async def vp9(self) -> Path:
        codecs = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
        return await self.draw("vp9.webm", [*drawn(), *codecs, *_SECRET])

    async def av1(self) -> Path:
        codecs = ("-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus")
        return await self.draw("av1.mkv", [*drawn(), *codecs, *_SECRET])

    async def silent(self) -> Path:
        """Without audio."""
        return await self.draw("silent.mp4", [*drawn(), "-an", *_X264, *_SECRET])

    async def odd(self) -> Path:
        """A width and a height that H.264 has not in 4:2:0."""
        odd = ("-vf", "scale=321:181,format=yuv444p", "-c:v", "libx264", "-preset", "ultrafast")
        return await self.draw("odd.mp4", [*drawn(), *odd, *_SOUND, *_SECRET])

    async def variable(self) -> Path:
        """Frames at uneven times, as phones record in the dark."""
        uneven = ("-vf", "select='not(mod(n,3))+lt(n,15)'", "-fps_mode", "vfr")
        return await self.draw("variable.mp4", [*drawn(seconds=2), *uneven, *_X264, *_SOUND, *_SECRET])

    async def single(self) -> Path:
        """One frame."""
        return await self.draw("single.mp4", [*drawn(), "-frames:v", "1", "-an", *_X264, *_SECRET])

    async def picture(self) -> Path:
        return await self.draw("picture.png", [*drawn(), "-frames:v", "1"])
