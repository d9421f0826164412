"""WHIP publisher and WHEP viewer on aiortc, like browsers. Unlike ffmpeg they can pause and count frames."""

from __future__ import annotations

import array
import asyncio
import fractions
import math
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from control_plane.base.errors import ControlPlaneError, ErrorKind

FPS = 15
SAMPLE_RATE = 48_000
SAMPLES = SAMPLE_RATE // 50
"""Samples of one Opus packet."""
TONE_HZ = 440
_DEADLINE_S = 10.0
_VIDEO_CLOCK_HZ = 90_000


class WebRTCRefused(ControlPlaneError):
    """The media server refuses the session or has no such stream."""

    code = "webrtc_refused"
    kind = ErrorKind.STOPS


class _Pace:
    """Paces frames in real time; none is due while `flowing` is cleared."""

    def __init__(self, per_s: float) -> None:
        self._step_s = 1 / per_s
        self._due_at: float | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def next(self) -> None:
        await self.flowing.wait()
        now = asyncio.get_running_loop().time()
        due_at = now if self._due_at is None else self._due_at + self._step_s
        self._due_at = max(due_at, now - self._step_s)  # do not catch up on missed frames
        await asyncio.sleep(max(self._due_at - now, 0))


class _Picture(MediaStreamTrack):
    """A moving grey wave."""

    kind = "video"

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._width, self._height = width, height
        self.pace = _Pace(FPS)
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        await self.pace.next()
        self._count += 1
        frame = av.VideoFrame(self._width, self._height, "yuv420p")
        luma, *chroma = frame.planes
        wave = bytes(abs(128 - (at + 4 * self._count) % 256) for at in range(luma.line_size))
        luma.update(wave * luma.height)
        for plane in chroma:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts = self._count * _VIDEO_CLOCK_HZ // FPS
        frame.time_base = fractions.Fraction(1, _VIDEO_CLOCK_HZ)
        return frame


class _Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.pace = _Pace(SAMPLE_RATE / SAMPLES)
        self._at = 0

    async def recv(self) -> av.AudioFrame:
        await self.pace.next()
        turn = 2 * math.pi * TONE_HZ / SAMPLE_RATE
        wave = array.array("h", (int(8000 * math.sin(turn * (self._at + at))) for at in range(SAMPLES)))
        frame = av.AudioFrame("s16", "mono", SAMPLES)
        frame.planes[0].update(wave.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._at, fractions.Fraction(1, SAMPLE_RATE)
        self._at += SAMPLES
        return frame


class _Session:
    """A WHIP or WHEP session as a context manager: entering raises WebRTCRefused, leaving deletes the session."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session_url: str | None = None
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[])
        )  # the default would ask a public STUN server

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await self.connection.setLocalDescription(await self.connection.createOffer())
                answer = await self._post(self.connection.localDescription.sdp)
                await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except BaseException:
            await self.connection.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.connection.close()
        if self._session_url is not None:
            with suppress(aiohttp.ClientError, TimeoutError):  # session and server may be gone already
                async with _http() as http, http.delete(self._session_url):
                    pass

    async def _post(self, offer: str) -> str:
        headers = {"Content-Type": "application/sdp"}
        async with _http() as http, http.post(self._url, data=offer, headers=headers) as response:
            if response.status != 201:
                raise WebRTCRefused(f"WHIP or WHEP answered {response.status}.")
            self._session_url = urljoin(self._url, response.headers["Location"])
            return await response.text()


class WhipPublisher(_Session):
    """Publishes a moving picture and a tone to a WHIP URL, whose query contains the stream key."""

    def __init__(self, url: str, width: int = 320, height: int = 240, codec: str = "H264") -> None:
        super().__init__(url)
        self._tracks = (_Picture(width, height), _Tone())
        for track in self._tracks:
            self.connection.addTrack(track)
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        video = self.connection.getTransceivers()[0]
        video.setCodecPreferences([offered for offered in capabilities if offered.mimeType == f"video/{codec}"])

    def pause(self) -> None:
        """Stay connected but send nothing."""
        for track in self._tracks:
            track.pace.flowing.clear()

    def resume(self) -> None:
        for track in self._tracks:
            track.pace.flowing.set()


class WhepViewer(_Session):
    """Watches a WHEP URL. `pictures` and `sounds` count received frames; `size` is that of the last picture."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.pictures = self.sounds = 0
        self.size = (0, 0)
        self._watching: list[asyncio.Task[None]] = []
        for kind in ("video", "audio"):
            self.connection.addTransceiver(kind, direction="recvonly")

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        tracks = [transceiver.receiver.track for transceiver in self.connection.getTransceivers()]
        self._watching = [asyncio.create_task(self._watch(track), name=f"whep-{track.kind}") for track in tracks]
        return self

    async def __aexit__(self, *error: Any) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await super().__aexit__(*error)

    @property
    def over(self) -> bool:
        """Whether the server has closed the connection."""
        return self.connection.connectionState in {"closed", "failed"}

    async def _watch(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):  # the end of the track
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    self.pictures += 1
                    self.size = (frame.width, frame.height)
                else:
                    self.sounds += 1


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_DEADLINE_S))
