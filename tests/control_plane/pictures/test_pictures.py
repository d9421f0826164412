"""Uploaded pictures: from phones and programs, and from attackers."""

from __future__ import annotations

import asyncio
import zlib
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from PIL import Image

from control_plane.pictures import model
from control_plane.pictures.model import Picture, PictureRefused, TooManyPictures
from control_plane.pictures.pictures import Pictures
from tests.control_plane.pictures.samples import (
    QUARTERS,
    RED,
    animation,
    from_a_phone,
    gif_of_many_frames,
    png,
    profile,
    quarters,
    saved,
)
from tests.waiting import until

SECRETS = (b"Secret", b"Exif", b"GPS", b"ICC_PROFILE", b"http://ns.adobe.com")


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def near(colour: object, wanted: tuple[int, ...], tolerance: int = 16) -> bool:
    return isinstance(colour, tuple) and all(abs(a - b) <= tolerance for a, b in zip(colour, wanted, strict=True))


def is_upright(content: bytes) -> bool:
    image = opened(content)
    places = ((1, 1), (3, 1), (1, 3), (3, 3))
    found = [image.getpixel((x * image.width // 4, y * image.height // 4)) for x, y in places]
    return all(near(colour, wanted) for colour, wanted in zip(found, QUARTERS, strict=True))


async def refusal(pictures: Pictures, content: bytes) -> str:
    with pytest.raises(PictureRefused) as refused:
        await pictures.process(content)
    return str(refused.value)


def check(picture: Picture, size: tuple[int, int] = (400, 200)) -> None:
    assert is_upright(picture.full)
    assert is_upright(picture.small)
    full, small = opened(picture.full), opened(picture.small)
    assert (full.format, full.mode, full.size) == ("JPEG", "RGB", size)
    assert (small.format, max(small.size)) == ("JPEG", 200)
    for content in (picture.full, picture.small, picture.animated):
        assert not any(secret in content for secret in SECRETS)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_phones_picture_stands_upright_and_tells_no_place(pictures: Pictures, orientation: int) -> None:
    content = from_a_phone(orientation=orientation)
    assert b"SecretModel" in content
    check(await pictures.process(content))


async def test_every_format_is_known_by_its_content(pictures: Pictures, tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "HEIF"):
        upload = tmp_path / "upload.txt"
        upload.write_bytes(saved(quarters(), kind, quality=95) if kind != "GIF" else saved(quarters(), kind))
        picture = await pictures.process(upload)
        check(picture)
        assert picture.animated == b""


async def test_a_phones_jpeg_with_several_pictures_is_its_first(pictures: Pictures) -> None:
    check(await pictures.process(saved(quarters(), "MPO", save_all=True, append_images=[quarters(80, 40)])))


async def test_a_heic_picture_of_a_phone(pictures: Pictures) -> None:
    check(await pictures.process(from_a_phone("HEIF", orientation=6)))


async def test_large_pictures_become_small(pictures: Pictures) -> None:
    check(await pictures.process(saved(quarters(4000, 3000), "JPEG", icc_profile=profile())), (1080, 810))
    tall = opened((await pictures.process(saved(quarters(3, 9000), "PNG"))).full)
    assert tall.size == (1, 1080)
    assert opened((await pictures.process(saved(quarters(1, 1), "PNG"))).small).size == (1, 1)


async def test_colours_of_every_kind(pictures: Pictures) -> None:
    check(await pictures.process(saved(quarters(mode="CMYK"), "JPEG", quality=95)))
    check(await pictures.process(saved(quarters().quantize(16), "PNG")))
    grey = opened((await pictures.process(saved(quarters(mode="L"), "JPEG"))).full)
    assert grey.mode == "RGB"
    assert opened((await pictures.process(saved(quarters(mode="1"), "PNG"))).full).mode == "RGB"
    sixteen = Image.new("I;16", (20, 20), 0xC8C8)
    assert near(opened((await pictures.process(saved(sixteen, "PNG"))).full).getpixel((9, 9)), (200, 200, 200), 3)


async def test_what_is_transparent_lies_on_white(pictures: Pictures) -> None:
    clear = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    clear.paste((*RED, 255), (0, 0, 50, 100))
    palette = Image.new("P", (100, 100), 0)
    palette.putpalette([0, 0, 0, *RED])
    palette.paste(1, (0, 0, 50, 100))
    for content in (
        saved(clear, "PNG"),
        saved(clear, "WEBP", lossless=True),
        saved(palette, "PNG", transparency=0),
        saved(palette, "GIF", transparency=0),
        saved(clear.convert("LA"), "PNG"),
    ):
        image = opened((await pictures.process(content)).full)
        assert near(image.getpixel((75, 50)), (255, 255, 255)), content[:12]


async def test_a_damaged_profile_of_colours_is_left_out(pictures: Pictures) -> None:
    for wrong in (b"nonsense", profile()[:200], profile("LAB")):
        check(await pictures.process(saved(quarters(), "JPEG", icc_profile=wrong, quality=95)))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
async def test_an_animation_has_a_still_and_a_moving_picture(pictures: Pictures, kind: str) -> None:
    picture = await pictures.process(animation(kind))
    moving = opened(picture.animated)
    assert (moving.format, getattr(moving, "n_frames"), moving.size) == ("GIF", 5, (240, 160))  # noqa: B009
    assert moving.info["duration"] == 50
    assert opened(picture.full).size == (300, 200)


async def test_an_animation_of_thousands_of_frames_is_cut(pictures: Pictures) -> None:
    picture = await pictures.process(gif_of_many_frames(20_000))
    assert 2 <= getattr(opened(picture.animated), "n_frames") <= model.MOST_FRAMES  # noqa: B009


async def test_bombs_are_refused_before_they_are_decoded(pictures: Pictures) -> None:
    nothing = zlib.compress(bytes(1000))
    for width, height in ((50_000, 50_000), (2**31 - 1, 1), (1, 20_000), (9000, 9000)):
        assert await refusal(pictures, png(width, height, nothing)) == model.TOO_MANY_PIXELS


async def test_the_largest_picture_is_decoded_within_the_limits(pictures: Pictures) -> None:
    """64 megapixels in 1 MB."""
    content = png(8000, 8000, zlib.compress(bytes((3 * 8000 + 1) * 8000), 9))
    assert len(content) < 1 << 20
    assert opened((await pictures.process(content)).full).size == (1080, 1080)
    broken = png(8000, 8000, zlib.compress(bytes(1 << 20)))
    assert await refusal(pictures, broken) == model.BROKEN


async def test_too_many_bytes_are_refused_unread(pictures: Pictures, tmp_path: Path) -> None:
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(model.LARGEST_BYTES + 1)
    with pytest.raises(PictureRefused, match="20 MB"):
        await pictures.process(huge)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", model.EMPTY),
        (b"<html><script>alert(1)</script></html>", model.UNSUPPORTED),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', model.UNSUPPORTED),
        (saved(quarters(), "BMP"), model.UNSUPPORTED),
        (saved(quarters(), "TIFF"), model.UNSUPPORTED),
        (saved(quarters(), "PDF"), model.UNSUPPORTED),
        (saved(quarters(), "EPS"), model.UNSUPPORTED),
        (b"\xff\xd8\xff", model.UNSUPPORTED),
        (b"\xff\xd8\xff" + b"<script>" * 1000, model.UNSUPPORTED),
        (b"GIF89a<script>alert(1)</script>", None),
        (b"\0\0\0\x18ftypheic" + bytes(200), None),
        (b"RIFF\xff\xff\xff\xffWEBP" + bytes(100), None),
    ],
)
async def test_what_is_no_picture_is_refused_in_words(pictures: Pictures, content: bytes, why: str | None) -> None:
    told = await refusal(pictures, content)
    assert told == why if why else told in (model.UNSUPPORTED, model.BROKEN, model.TOO_MUCH_WORK)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF"])
async def test_a_truncated_picture_is_broken(pictures: Pictures, kind: str) -> None:
    noise = Image.effect_noise((300, 300), 90).convert("RGB")
    content = saved(noise, kind)
    told = await refusal(pictures, content[: len(content) // 2])
    assert told in (model.BROKEN, model.UNSUPPORTED)


async def test_what_hides_behind_a_picture_is_not_stored(pictures: Pictures) -> None:
    """A file that is a picture and a page or an archive at once."""
    hidden = b"<script>alert(1)</script>PK\x03\x04"
    for kind in ("JPEG", "PNG", "GIF", "WEBP"):
        picture = await pictures.process(saved(quarters(), kind) + hidden)
        assert hidden not in picture.full + picture.small
    picture = await pictures.process(saved(quarters(), "JPEG", comment=hidden))
    assert hidden not in picture.full + picture.small


async def test_more_than_may_wait_are_refused() -> None:
    pictures, content = Pictures(at_once=1, waiting=1), saved(quarters(), "PNG")
    outcomes = await asyncio.gather(*(pictures.process(content) for _ in range(4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Picture) == 2
    assert [type(outcome) for outcome in outcomes].count(TooManyPictures) == 2
    check(await pictures.process(content))


def decoders() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "decoder" in " ".join(child.cmdline())]


async def test_a_decoder_is_killed_at_its_deadline_and_when_the_client_leaves() -> None:
    content = saved(quarters(), "PNG")
    with pytest.raises(PictureRefused):
        await Pictures(deadline_s=0.01).process(content)
    assert decoders() == []
    leaving = asyncio.create_task(Pictures().process(content))
    await until(lambda: bool(decoders()))
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert decoders() == []
