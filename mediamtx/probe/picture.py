"""Encode a video frame as a small JPEG, the thumbnail of a stream."""

from __future__ import annotations

from fractions import Fraction

import av

WIDTH = 360
_LARGEST_SIDE = 8192
_QUALITY = 5
"""On ffmpeg's scale, where 2 is best and 31 is worst."""


def jpeg(frame: av.VideoFrame) -> bytes:
    """Scale the frame down to `WIDTH` if it is wider, and encode it."""
    width = _even(min(WIDTH, frame.width))
    height = _even(min(round(frame.height * width / frame.width), _LARGEST_SIDE))
    scaled = frame.reformat(width=width, height=height, format="yuvj420p")
    scaled.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = _QUALITY
    return b"".join(bytes(packet) for packet in [*encoder.encode(scaled), *encoder.encode(None)])


def _even(length: int) -> int:
    """Round down to an even number, which 4:2:0 chroma requires."""
    return max(length // 2 * 2, 2)
