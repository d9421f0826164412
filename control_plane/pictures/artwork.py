"""Pictures that operators add: SVG, PNG and WebP. They are checked and kept as they are, because a gift needs its
transparency and its animation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from control_plane.pictures.model import EMPTY, PictureRefused
from control_plane.pictures.pictures import Pictures
from control_plane.pictures.svg import check_svg

LARGEST_ARTWORK = 1 << 20
"""Bytes. Larger: a catalogue loads slowly on a phone."""


class Artwork(NamedTuple):
    content: bytes
    extension: str


async def read_artwork(path: Path, pictures: Pictures) -> Artwork:
    """The content decides which format it is, not the name. Raises PictureRefused and TooManyPictures."""
    try:
        content = await asyncio.to_thread(_read, path)
    except OSError as error:
        raise PictureRefused(f"{path} cannot be read: {error.strerror or error}.") from None
    if not content:
        raise PictureRefused(EMPTY)
    if len(content) > LARGEST_ARTWORK:
        raise PictureRefused(f"The picture may have at most {LARGEST_ARTWORK >> 20} MB.")
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        extension = "png"
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        extension = "webp"
    elif content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        check_svg(content)
        return Artwork(content, "svg")
    else:
        raise PictureRefused("This is not an SVG, PNG or WebP picture.")
    await pictures.process(content)  # whether it can be decoded
    return Artwork(content, extension)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_ARTWORK + 1)
