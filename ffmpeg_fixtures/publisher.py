"""A synthetic publisher: a moving test picture with a tone, sent by ffmpeg to an RTMP, SRT or WHIP address.

The address with its stream key stands in ffmpeg's command line, where every user of the machine can read it: ffmpeg takes it no
other way. So this is for tests and for trying things out. What we show of the address and of ffmpeg's words is masked.
"""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from ffmpeg_fixtures import ffmpeg

INTERRUPTED = 255  # ffmpeg's status after SIGINT, if it was already publishing

_TAIL_LINES = 20
_STOP_S = 3.0


class VideoCodec(StrEnum):
    H264 = "h264"
    H265 = "h265"


@dataclass(frozen=True, slots=True)
class Picture:
    """What is published. Viewers of WebRTC need H264 without B-frames; HLS starts at key frames, so keep `gop_s` small."""

    width: int = 360
    height: int = 640
    fps: int = 25
    gop_s: float = 1.0
    b_frames: int = 0
    codec: VideoCodec = VideoCodec.H264
    bitrate_kbps: int = 800
    tone_hz: int = 440
    duration_s: float | None = None
    """None: until it is stopped."""


_ENCODERS: dict[VideoCodec, tuple[str, ...]] = {
    VideoCodec.H264: ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-sc_threshold", "0"),
    VideoCodec.H265: (
        *("-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency"),
        *("-x265-params", "log-level=error:scenecut=0:rc-lookahead=8"),
    ),
}

_AAC = ("-c:a", "aac", "-b:a", "64k", "-ar", "48000", "-ac", "2")
_OPUS = ("-c:a", "libopus", "-b:a", "64k", "-ar", "48000", "-ac", "2")
_OUTPUTS: dict[str, tuple[str, ...]] = {
    "rtmp": (*_AAC, "-f", "flv", "-flvflags", "no_duration_filesize"),
    "rtmps": (*_AAC, "-f", "flv", "-flvflags", "no_duration_filesize"),
    "srt": (*_AAC, "-f", "mpegts"),
    "http": (*_OPUS, "-f", "whip"),
    "https": (*_OPUS, "-f", "whip"),
}


def arguments(url: str, picture: Picture) -> list[str]:
    """Of ffmpeg, without its name. The address's scheme decides: rtmp(s), srt, http(s) for WHIP. Raises ValueError for others."""
    output = _OUTPUTS.get(urlsplit(url).scheme)
    if output is None:
        raise ValueError(
            f"an address to publish to begins with one of {', '.join(f'{scheme}://' for scheme in _OUTPUTS)}"
        )
    gop = str(max(1, round(picture.gop_s * picture.fps)))
    rate = f"{picture.bitrate_kbps}k"
    return [
        *("-re", "-f", "lavfi", "-i", f"testsrc2=size={picture.width}x{picture.height}:rate={picture.fps}"),
        *("-re", "-f", "lavfi", "-i", f"sine=frequency={picture.tone_hz}:beep_factor=4:sample_rate=48000"),
        *(("-t", str(picture.duration_s)) if picture.duration_s is not None else ()),
        *_ENCODERS[picture.codec],
        *("-pix_fmt", "yuv420p", "-bf", str(picture.b_frames)),
        *("-g", gop, "-keyint_min", gop),
        *("-b:v", rate, "-maxrate", rate, "-bufsize", rate),
        *output,
        url,
    ]


class Publisher:
    """Publishes from entering to leaving:

        async with Publisher(url) as publisher:
            ...

    It may end earlier by itself, when it was refused or cut off: `wait` and `returncode` tell.
    """

    def __init__(self, url: str, picture: Picture | None = None) -> None:
        self._url = url
        self._arguments = arguments(url, picture or Picture())
        self._process: asyncio.subprocess.Process | None = None
        self._written: deque[str] = deque(maxlen=_TAIL_LINES)
        self._reader: asyncio.Task[None] | None = None
        self.interrupted = False
        """By us; else a return code of 255 is ffmpeg's for a server that does not permit it."""

    def __repr__(self) -> str:
        return f"Publisher({ffmpeg.masked(self._url)!r}, returncode={self.returncode})"

    async def __aenter__(self) -> Self:
        self._process = await ffmpeg.spawn(self._arguments)
        self._reader = asyncio.create_task(self._read(self._process), name="ffmpeg-stderr")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._reader is not None
        try:
            await self.stop()
        finally:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """None while it publishes, or tries to. 0: its duration is over. 0 or 255: interrupted. Negative: the signal that ended it."""
        return self._process.returncode if self._process is not None else None

    @property
    def stderr_tail(self) -> str:
        """The last lines that ffmpeg wrote, without stream keys."""
        return "\n".join(self._written)

    async def wait(self, deadline_s: float | None) -> int:
        """Until it has ended and its words are read; its return code. Raises TimeoutError if it goes on."""
        assert self._reader is not None
        async with asyncio.timeout(deadline_s):
            await asyncio.wait({self._reader})
            return await self._child.wait()

    def interrupt(self) -> None:
        """As a broadcaster who presses the button: ffmpeg tells the server and ends. Does not wait for it."""
        if self.returncode is None:
            self.interrupted = True
            self._child.send_signal(signal.SIGINT)

    async def stop(self) -> None:
        """Interrupt, and wait; by force if that takes longer than 3 seconds."""
        self.interrupt()
        try:
            with suppress(TimeoutError):
                await self.wait(_STOP_S)
        finally:
            await ffmpeg.kill(self._child)

    async def kill(self) -> None:
        """As a phone that loses its battery: nobody says good-bye. Returns when it is gone."""
        await ffmpeg.kill(self._child)

    @property
    def _child(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "not entered yet"
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._written.append(ffmpeg.masked(line.decode(errors="replace").rstrip()))
