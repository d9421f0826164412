"""Pictures that users upload: their limits, what becomes of them, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind

LARGEST_BYTES = 20 << 20
"""Of an uploaded picture. Phones write 2 to 12 MB. Larger: more memory and time for each; smaller: some are refused."""
MOST_PIXELS = 64_000_000
"""Width times height. Checked before anything is decoded. Larger: the decoder needs more than its memory limit."""
LONGEST_SIDE = 16_000
MOST_PIXELS_OF_FRAME = 4_000_000
"""Of an animation; a larger one becomes a still picture. Larger: 60 frames take longer than the deadline."""
MOST_FRAMES = 60
"""Frames kept of an animation; the others are left out."""
FULL, SMALL, ANIMATED = 1080, 200, 240
"""Longest side of each result. The apps show a full screen, a list entry and a profile."""
LARGEST_ANIMATION = 3 << 20
"""Bytes of an animated result; a larger one is left out."""
NICE = 5
"""Priority of the processes that work on uploads. Larger: users, who wait for the result, wait longer. Smaller: MediaMTX
and the event loop wait for it."""
LARGEST_ANSWER = 12 << 20
"""Bytes that a decoder may answer: three pictures and their sizes."""


class PictureRefused(ControlPlaneError):
    """The upload is not a picture that we take. The text says why."""

    code = "picture_refused"
    kind = ErrorKind.REFUSED


class TooManyPictures(ControlPlaneError):
    """As many pictures or clips are worked on, and wait, as there may."""

    code = "too_many_pictures"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("The server is busy with other uploads. Please try again in a moment.")


UNSUPPORTED = "This is not a JPEG, PNG, WebP, GIF or HEIC picture."
BROKEN = "The picture is damaged or incomplete."
TOO_MANY_PIXELS = (
    f"The picture may have at most {MOST_PIXELS // 1_000_000} megapixels, and {LONGEST_SIDE} pixels per side."
)
TOO_MUCH_WORK = "The picture is too large to be decoded."
TOO_MANY_BYTES = f"The picture may have at most {LARGEST_BYTES >> 20} MB."
EMPTY = "The picture is empty."


class Answer(msgspec.Struct, frozen=True):
    """The first line that a decoder writes. The pictures follow it, one after the other."""

    refused: str = ""
    lengths: tuple[int, ...] = ()
    """Of the full, the small and, if there is one, the animated picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Without metadata, in sRGB, and the right way up."""

    full: bytes
    """JPEG."""
    small: bytes
    """JPEG."""
    animated: bytes
    """GIF; empty for a still picture."""


def is_known(head: bytes) -> bool:
    """Whether the first 16 bytes are those of a format that we take."""
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS)
    )


_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
