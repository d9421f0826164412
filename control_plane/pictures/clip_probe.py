"""Looks at one video in a process of its own, `python -m control_plane.pictures.clip_probe`: reads it from standard
input, a file, and writes a ClipAnswer. Headers may lie: it counts the time of the packets and decodes a picture."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import IO

import av
import msgspec

from control_plane.base import child
from control_plane.base.child import Kind, Limits
from control_plane.pictures.clip_model import (
    BROKEN_CLIP,
    CONTAINERS,
    LONGEST_S,
    LONGEST_SIDE,
    NO_CLIP,
    TOO_LONG,
    TOO_WIDE,
    ClipAnswer,
)
from control_plane.pictures.model import NICE

LIMITS = Limits(memory_bytes=1 << 30, cpu_s=15, open_files=32, nice=NICE)
TOLERANCE_S = 1.0
"""Phones stop a little late."""
_LAZY = ("av.subtitles.stream", "av.subtitles.codeccontext", "av.video.stream", "av.audio.stream", "av.data.stream")


def refusal(file: IO[bytes]) -> str:
    """Why it is not taken; "" if it is."""
    try:
        container = av.open(file, "r", options={"format_whitelist": CONTAINERS})
    except (av.FFmpegError, ValueError, OSError):
        return NO_CLIP
    with container:
        if not container.streams.video:
            return NO_CLIP
        stream = container.streams.video[0]
        if max(stream.width, stream.height) > LONGEST_SIDE:
            return TOO_WIDE
        decoded, first, last = False, None, 0.0
        try:
            for packet in container.demux(stream):
                if not decoded:
                    decoded = bool(packet.decode())
                if packet.pts is None or packet.time_base is None:
                    continue
                at = float(packet.pts * packet.time_base)
                first = at if first is None else min(first, at)
                last = max(last, at)
                if last - first > LONGEST_S + TOLERANCE_S:
                    return TOO_LONG
        except (av.FFmpegError, ValueError, OSError):
            return BROKEN_CLIP
        return "" if decoded else BROKEN_CLIP


def main() -> None:
    for name in _LAZY:
        with suppress(ImportError):
            importlib.import_module(name)
    child.restrict(child.account_for(Kind.WORKER), LIMITS)
    sys.stdout.buffer.write(msgspec.json.encode(ClipAnswer(refusal(sys.stdin.buffer))))
    sys.stdout.buffer.flush()
    os._exit(0)  # there is nothing to clean up


if __name__ == "__main__":
    main()
