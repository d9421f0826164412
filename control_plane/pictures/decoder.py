"""Decodes one picture in a process of its own, `python -m control_plane.pictures.decoder`: reads it from standard input,
a file, and writes an Answer and the new pictures to standard output. Uploaded pictures may take over a decoder, so the
process has no privileges, little memory and little time."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import IO

import msgspec

# All modules that Pillow imports on first use: after `restrict` they may not be readable.
from PIL import (  # noqa: F401
    ExifTags,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageCms,
    ImageMath,
    ImageOps,
    ImagePalette,
    JpegImagePlugin,
    JpegPresets,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from pillow_heif import register_heif_opener

from control_plane.base import child
from control_plane.base.child import Kind, Limits
from control_plane.pictures.model import (
    ANIMATED,
    BROKEN,
    FULL,
    LARGEST_ANIMATION,
    LONGEST_SIDE,
    MOST_FRAMES,
    MOST_PIXELS,
    MOST_PIXELS_OF_FRAME,
    NICE,
    SMALL,
    TOO_MANY_PIXELS,
    TOO_MUCH_WORK,
    UNSUPPORTED,
    Answer,
)

LIMITS = Limits(memory_bytes=1 << 30, cpu_s=20, open_files=32, nice=NICE)
"""Memory: 64 million pixels are 256 MB in RGBA, and two copies of them exist at once."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF")
QUALITY, SMALL_QUALITY = 85, 80
SHORTEST_MS, LONGEST_MS = 20, 10_000
_TURNED = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}
"""By EXIF orientation: what puts the picture the right way up."""
_SRGB = ImageCms.createProfile("sRGB")


class Refused(Exception):
    pass


def pictures(file: IO[bytes]) -> list[bytes]:
    """The full, the small and perhaps the animated picture. Raises Refused."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS or max(image.size) > LONGEST_SIDE:
                raise Refused(TOO_MANY_PIXELS)
            full = _fit(_upright(image), FULL)
            small = _fit(full, SMALL)
            moving = _moving(image)
    except Refused:
        raise
    except UnidentifiedImageError:
        raise Refused(UNSUPPORTED) from None
    except (MemoryError, Image.DecompressionBombError):
        raise Refused(TOO_MUCH_WORK) from None
    except Exception:  # decoders raise anything on damaged input
        raise Refused(BROKEN) from None
    return [_jpeg(full, QUALITY), _jpeg(small, SMALL_QUALITY), *([moving] if moving else [])]


def _upright(image: Image.Image) -> Image.Image:
    """The first frame in sRGB, turned as its EXIF says, and not much larger than needed."""
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (2 * FULL, 2 * FULL))  # decodes fewer pixels
    result = _fit(_rgb(image), FULL)
    for method in _TURNED.get(orientation, ()):
        result = result.transpose(method)
    return result


def _rgb(image: Image.Image) -> Image.Image:
    """As 8-bit sRGB on white, without anything but pixels."""
    profile = image.info.get("icc_profile")
    image.load()
    if image.mode.startswith("I"):  # 16 bits
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if image.mode in ("RGBA", "1") else image
    if profile:
        try:
            theirs = ImageCms.ImageCmsProfile(BytesIO(profile))
            colours = ImageCms.profileToProfile(colours, theirs, _SRGB, outputMode="RGB") or colours
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a profile that is damaged, or of another colour space
    result = Image.new("RGB", image.size, "white")
    result.paste(colours.convert("RGB"), mask=alpha)
    return result


def _fit(image: Image.Image, side: int) -> Image.Image:
    """Scaled down to this longest side if it is larger."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    output = BytesIO()
    image.save(output, "JPEG", quality=quality, optimize=True)
    return output.getvalue()


def _moving(image: Image.Image) -> bytes:
    """The animation as a GIF; empty where there is none, or one that is too large."""
    if image.format not in ("GIF", "WEBP") or not getattr(image, "is_animated", False):
        return b""
    if image.width * image.height > MOST_PIXELS_OF_FRAME:
        return b""
    frames, durations = [], []
    for frame, duration in _frames(image):
        frames.append(frame)
        durations.append(duration)
    if len(frames) < 2:
        return b""
    output = BytesIO()
    frames[0].save(
        output, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, disposal=1, optimize=False
    )
    return output.getvalue() if output.tell() <= LARGEST_ANIMATION else b""


def _frames(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    """Frames that cannot be decoded end the animation."""
    for number in range(MOST_FRAMES):
        try:
            image.seek(number)
            frame = _fit(_rgb(image), ANIMATED)
        except EOFError:
            return
        duration = image.info.get("duration", 100)
        yield frame.quantize(64), int(min(max(duration, SHORTEST_MS), LONGEST_MS))


def main() -> None:
    register_heif_opener(thumbnails=False)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # our own limit comes first
    child.restrict(child.account_for(Kind.WORKER), LIMITS)
    found: list[bytes] = []
    try:
        found = pictures(sys.stdin.buffer)
        answer = Answer(lengths=tuple(map(len, found)))
    except Refused as refusal:
        answer = Answer(refused=str(refusal))
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n" + b"".join(found))
    sys.stdout.buffer.flush()
    os._exit(0)  # there is nothing to clean up


if __name__ == "__main__":
    main()
