"""Probes one video in a process of its own, `python -m control_plane.videos.processing.probe_process`: reads it from
standard input, a file, and writes a ProbeAnswer. Headers may lie: it counts the packets and their time, and decodes a
picture."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import IO, Any

import av
import msgspec
from av.audio.stream import AudioStream as Sound
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as FileStream

from control_plane.base import child
from control_plane.base.child import Kind, Limits
from control_plane.pictures.model import NICE
from control_plane.videos.processing.model import (
    BROKEN,
    CONTAINERS,
    FASTEST,
    LONGEST_S,
    LONGEST_SIDE,
    MOST_PIXELS,
    NO_VIDEO,
    PICTURES,
    TOLERANCE_S,
    TOO_LARGE,
    TOO_LONG,
    TOO_MANY_FRAMES,
    AudioStream,
    ProbeAnswer,
    Probed,
    VideoStream,
)

LIMITS = Limits(memory_bytes=2 << 30, cpu_s=25, open_files=32, nice=NICE)
MOST_FRAMES = FASTEST * LONGEST_S
_LAZY = (
    "av.audio.codeccontext",
    "av.audio.stream",
    "av.data.stream",
    "av.subtitles.codeccontext",
    "av.subtitles.stream",
    "av.video.stream",
)
_FULL_RANGE = 2


class _Refused(Exception):
    pass


def answer(file: IO[bytes]) -> ProbeAnswer:
    try:
        container = av.open(file, "r", options={"format_whitelist": CONTAINERS}, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OSError):
        return ProbeAnswer(NO_VIDEO)
    with container:
        try:
            return ProbeAnswer(probed=_probed(container))
        except _Refused as refused:
            return ProbeAnswer(str(refused))
        except (av.FFmpegError, ValueError, OSError):
            return ProbeAnswer(BROKEN)


def _probed(container: InputContainer) -> Probed:
    stream = next((one for one in container.streams.video if _is_film(one)), None)
    if stream is None or container.metadata.get("major_brand", "").strip() in PICTURES:
        raise _Refused(NO_VIDEO)
    if max(stream.width, stream.height) > LONGEST_SIDE:
        raise _Refused(TOO_LARGE)
    frame: VideoFrame | None = None
    frames, size, trimmed = 0, 0, False
    first, end = float("inf"), 0.0
    sounds = [one for one in container.streams.audio if _can_be_decoded(one)]
    heard: set[int] = set()
    for packet in container.demux(stream, *sounds):
        if packet.stream_index != stream.index:
            if packet.stream_index not in heard and _is_heard(packet):
                heard.add(packet.stream_index)
            continue
        if frame is None:
            with suppress(av.error.InvalidDataError):  # a first packet may be damaged
                frame = next((one for one in packet.decode() if isinstance(one, VideoFrame)), None)
        if packet.pts is None or packet.time_base is None:
            continue
        frames, size, trimmed = frames + 1, size + packet.size, trimmed or packet.is_discard
        at = float(packet.pts * packet.time_base)
        first, end = min(first, at), max(end, at + float((packet.duration or 0) * packet.time_base))
        if end - first > LONGEST_S + TOLERANCE_S:
            raise _Refused(TOO_LONG)
        if frames > MOST_FRAMES or frames * stream.width * stream.height > MOST_PIXELS:
            raise _Refused(TOO_MANY_FRAMES)
    if frame is None:
        raise _Refused(BROKEN)
    if max(frame.width, frame.height) > LONGEST_SIDE:
        raise _Refused(TOO_LARGE)
    seconds = max(end - first, 0.001)
    video = _video(stream, frame, frames=frames, trimmed=trimmed, bits_s=round(size * 8 / seconds))
    audio = next((_sound(one) for one in sounds if one.index in heard), None)
    return Probed(video, audio, round(seconds * 1000))


def _is_film(stream: FileStream) -> bool:
    return stream.codec_context is not None and not stream.disposition & Disposition.attached_pic


def _video(stream: FileStream, frame: VideoFrame, *, frames: int, trimmed: bool, bits_s: int) -> VideoStream:
    aspect = float(stream.sample_aspect_ratio or 1)
    return VideoStream(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        width=frame.width,
        height=frame.height,
        turned=round(frame.rotation / 90) * 90 % 360,
        transformed=frame.side_data.get("DISPLAYMATRIX") is not None,
        pixel_width=aspect if 0.1 < aspect < 0.99 or 1.01 < aspect < 10 else 1.0,
        format=frame.format.name,
        transfer=frame.color_trc,
        full_range=frame.color_range == _FULL_RANGE,
        interlaced=frame.interlaced_frame,
        trimmed=trimmed,
        frames=frames,
        bits_s=bits_s,
        nominal_frames_s=float(stream.guessed_rate or 0),
    )


def _sound(stream: Sound) -> AudioStream:
    return AudioStream(stream.index, stream.codec_context.codec.canonical_name, stream.channels)


def _can_be_decoded(stream: Stream) -> bool:
    """Phones add spatial sound that ffmpeg has no decoder for."""
    return stream.codec_context is not None and stream.codec_context.codec.is_decoder


def _is_heard(packet: Packet[Any]) -> bool:
    """Of a phone that may not use its microphone, the track is there, and empty or damaged."""
    with suppress(av.FFmpegError):
        return bool(packet.decode())
    return False


def main() -> None:
    for name in _LAZY:
        with suppress(ImportError):
            importlib.import_module(name)
    child.restrict(child.account_for(Kind.WORKER), LIMITS)
    sys.stdout.buffer.write(msgspec.json.encode(answer(sys.stdin.buffer)))
    sys.stdout.buffer.flush()
    os._exit(0)  # there is nothing to clean up


if __name__ == "__main__":
    main()
