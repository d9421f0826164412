"""Synthetic publisher: ffmpeg sends a moving test picture with a tone to an RTMP, SRT or WHIP address.

ffmpeg takes the address with its stream key only on its command line, which every user of the machine can read. So use
this for tests and trials only. Addresses and ffmpeg's output are masked before they are shown.
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

from control_plane.base import ffmpeg

INTERRUPTED = 255  # ffmpeg's status after SIGINT, if it was already publishing

_TAIL_LINES = 20
_STOP_S = 3.0


class VideoCodec(StrEnum):
    H264 = "h264"
    H265 = "h265"


@dataclass(frozen=True, slots=True)
class Picture:
    """The test picture. WebRTC needs H264 without B-frames. HLS starts at key frames: keep `gop_s` small."""

    width: int = 360
    height: int = 640
    fps: int = 25
    gop_s: float = 1.0
    b_frames: int = 0
    codec: VideoCodec = VideoCodec.H264
    bitrate_kbps: int = 800
    tone_hz: int = 440
    duration_s: float | None = None
    """None: publish until stopped."""


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
    """ffmpeg's arguments, by the URL's scheme: rtmp(s), srt, http(s) for WHIP. Raises ValueError for another scheme."""
    output = _OUTPUTS.get(urlsplit(url).scheme)
    if output is None:
        raise ValueError(f"a publish address must begin with one of {', '.join(f'{scheme}://' for scheme in _OUTPUTS)}")
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
    """Publishes inside `async with Publisher(url) as publisher:`.

    ffmpeg ends earlier when the server refuses or disconnects it: see `wait` and `returncode`.
    """

    def __init__(self, url: str, picture: Picture | None = None) -> None:
        self._url = url
        self._arguments = arguments(url, picture or Picture())
        self._process: asyncio.subprocess.Process | None = None
        self._written: deque[str] = deque(maxlen=_TAIL_LINES)
        self._reader: asyncio.Task[None] | None = None
        self.interrupted = False
        """True after `interrupt`. Without it, return code 255 means that the server refused the publisher."""

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
        """None while ffmpeg runs. 0: the duration is over. 0 or 255: interrupted. Negative: killed by that signal."""
        return self._process.returncode if self._process is not None else None

    @property
    def stderr_tail(self) -> str:
        """The last lines of ffmpeg's output, without stream keys."""
        return "\n".join(self._written)

    async def wait(self, deadline_s: float | None) -> int:
        """Wait until ffmpeg has ended and its output is read; return its return code. Raises TimeoutError."""
        assert self._reader is not None
        async with asyncio.timeout(deadline_s):
            await asyncio.wait({self._reader})
            return await self._child.wait()

    def interrupt(self) -> None:
        """Disconnect as a broadcaster who ends the stream: ffmpeg closes the connection properly. Does not wait."""
        if self.returncode is None:
            self.interrupted = True
            self._child.send_signal(signal.SIGINT)

    async def stop(self) -> None:
        """Interrupt and wait; kill after 3 seconds."""
        self.interrupt()
        try:
            with suppress(TimeoutError):
                await self.wait(_STOP_S)
        finally:
            await ffmpeg.kill(self._child)

    async def kill(self) -> None:
        """Die as a phone without battery: kill ffmpeg, so that it closes no connection properly. Waits for it."""
        await ffmpeg.kill(self._child)

    @property
    def _child(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "not entered yet"
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._written.append(ffmpeg.masked(line.decode(errors="replace").rstrip()))
