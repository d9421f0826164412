"""Probe a stream by HLS, for codecs that WHEP cannot carry and for low frame rates.

A playlist keeps listing the last segments of a stalled stream. So one picture is not enough: the playlist must also
change.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urljoin

import av

from mediamtx.probe.http import Answer, ask, headers
from mediamtx.probe.received import SILENCE_S, NoAnswer, NothingFlows, NotPackaged, NotThisWay, Received, Undecodable

_AGAIN_S = 0.2
_PACKETS_LIMIT = 2000
_UNDECODED_LIMIT = 25
"""Video packets without a decoded picture after which the stream counts as undecodable. A segment begins with a key
frame, so a sound stream decodes long before. Smaller: encoders with a delay of many frames are misjudged."""


def receive(url: str, key: str, until_s: float) -> Received:
    """Blocks until `until_s` (`time.monotonic`) at most. Raises ProbeError."""
    media_url = _media_playlist(_index(url, key, until_s))
    before = _playlist(media_url, key, until_s)
    received = _decode(url, key, until_s)
    # Low-latency parts come several times a second, so silence shows soon. Segments only come with key frames.
    patient_until_s = min(until_s, time.monotonic() + SILENCE_S) if "#EXT-X-PART:" in before else until_s
    asked_at = time.monotonic()
    while _playlist(media_url, key, until_s) == before:
        if asked_at > patient_until_s:
            raise NothingFlows("the HLS playlist does not grow")
        time.sleep(_AGAIN_S)
        asked_at = time.monotonic()
    return received


def _index(url: str, key: str, until_s: float) -> Answer:
    """Poll for the index until MediaMTX has it. Raises NotPackaged at the deadline.

    MediaMTX creates the muxer a moment after the stream is online and answers 500 until then. After that it holds the
    request until the first segment, which needs a key frame and the next one. It recreates a muxer that fails.
    """
    while True:
        try:
            answer = ask(url, key, until_s - time.monotonic())
        except NoAnswer:
            raise NotPackaged("no HLS index in time") from None
        if answer.status == 200:
            return answer
        if time.monotonic() > until_s:
            raise NotPackaged(f"HLS answered {answer.status}")
        time.sleep(_AGAIN_S)


def _media_playlist(index: Answer) -> str:
    for line in index.text.splitlines():
        if line and not line.startswith("#"):
            return urljoin(index.url, line)
    raise NotThisWay("an HLS index without a playlist")


def _playlist(url: str, key: str, until_s: float) -> str:
    answer = ask(url, key, until_s - time.monotonic())
    if answer.status != 200:
        raise NotPackaged(f"HLS answered {answer.status}")
    return answer.text


def _decode(url: str, key: str, until_s: float) -> Received:
    """Decode the first picture of the newest segment, or the first sound of an audio-only stream."""
    options = {
        "headers": "".join(f"{name}: {value}\r\n" for name, value in headers(key).items()),
        "live_start_index": "-1",
        "analyzeduration": "1000000",  # µs; by default ffmpeg analyses undecodable pictures for five seconds
    }
    left_s = max(until_s - time.monotonic(), 0.1)
    try:
        with av.open(url, options=options, timeout=left_s) as container:
            return _first(container, until_s)
    except av.InvalidDataError:
        raise Undecodable("the HLS segments are not valid media") from None
    except (av.FFmpegError, OSError) as error:
        raise NotThisWay(f"HLS cannot be decoded: {type(error).__name__}") from None


def _first(container: av.container.InputContainer, until_s: float) -> Received:
    video = next(iter(container.streams.video), None)
    audio = next(iter(container.streams.audio), None)
    if video is not None:
        video.codec_context.thread_count = 1
    frame, sounds = None, None if audio is None else False
    undecoded = 0
    for packet, _ in zip(container.demux(), range(_PACKETS_LIMIT), strict=False):
        if packet.stream is audio:
            sounds = True
        elif packet.stream is video and frame is None:
            frame = _decoded(packet)
            undecoded += frame is None
        if (frame is not None or video is None) and sounds is not False:
            break
        if time.monotonic() > until_s or undecoded >= _UNDECODED_LIMIT:
            break
    if undecoded >= _UNDECODED_LIMIT:
        raise Undecodable("no picture in the HLS segments")
    if frame is None and (video is not None or not sounds):
        raise NotThisWay("no picture in the HLS segment")
    return Received(frame, video.codec_context.name if video is not None else "", sounds)


def _decoded(packet: av.Packet[Any]) -> av.VideoFrame | None:
    """The first picture in the packet; None if it has none or is broken."""
    try:
        return next((decoded for decoded in packet.decode() if isinstance(decoded, av.VideoFrame)), None)
    except av.InvalidDataError:
        return None
