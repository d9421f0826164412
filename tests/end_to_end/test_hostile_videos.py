"""Files that are no videos, or try to harm the server, posted as videos: each is refused in words, and nothing of it is kept,
opened or called."""

from __future__ import annotations

import asyncio
import hashlib
import io
import struct
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import av
import pytest
import pytest_asyncio

from api.contract.client import Client
from control_plane.videos.processing.model import BROKEN, NO_VIDEO, TOO_LARGE, TOO_LONG
from tests.control_plane.pictures.samples import from_a_phone, quarters, saved
from tests.control_plane.videos.samples import Samples
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.recordings import AAC, X264, scene
from tests.end_to_end.video_upload import ask, fetch, post, processed
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

ADDRESS = "http://127.0.0.1:{port}/segment.mp4"
"""Of a server that must not be called; the port is filled in."""
HOURS_S = 36_000


class Trap:
    """A server that counts who connects."""

    def __init__(self) -> None:
        self.calls = 0
        self.port = 0

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        writer.close()

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._called, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server


@pytest_asyncio.fixture(loop_scope="session")
async def trap() -> AsyncIterator[Trap]:
    made = Trap()
    async with await made.listen():
        _, writer = await asyncio.open_connection("127.0.0.1", made.port)
        await until(lambda: made.calls == 1, what="it counts")
        writer.close()
        made.calls = 0
        yield made


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(tmp_path_factory.mktemp("hostile"))


async def plain(samples: Samples) -> bytes:
    video = await samples.draw("plain.mp4", [*scene(320, 180, 30, 1), *X264, "-bf", "0", *AAC])
    return video.read_bytes()


async def png(samples: Samples) -> bytes:
    return saved(quarters(), "PNG")


async def photo(samples: Samples) -> bytes:
    """HEIC, in a container like that of MP4."""
    return from_a_phone("HEIF")


async def avif(samples: Samples) -> bytes:
    return saved(quarters(), "AVIF")


async def animation(samples: Samples) -> bytes:
    return (await samples.draw("animation.gif", [*scene(160, 90, 10, 1)[:4]])).read_bytes()


async def svg(samples: Samples) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{ADDRESS}"/></svg>'.encode()


async def archive(samples: Samples) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("video.mp4", bytes(50 << 20))
    return file.getvalue()


async def playlist(samples: Samples) -> bytes:
    return f"#EXTM3U\n#EXTINF:1,\n{ADDRESS}\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n".encode()


async def script(samples: Samples) -> bytes:
    return f"ffconcat version 1.0\nfile '{ADDRESS}'\nfile '/etc/passwd'\n".encode()


async def manifest(samples: Samples) -> bytes:
    template = f'<SegmentTemplate media="{ADDRESS}" initialization="{ADDRESS}" duration="1"/>'
    period = f'<Period><AdaptationSet><Representation id="a">{template}</Representation></AdaptationSet></Period>'
    return f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">{period}</MPD>'.encode()


async def session(samples: Samples) -> bytes:
    return b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"


async def text(samples: Samples) -> bytes:
    return b"This is a video, believe me.\n" * 100


async def empty(samples: Samples) -> bytes:
    return b""


async def without_index(samples: Samples) -> bytes:
    content = await plain(samples)
    assert content.index(b"mdat") < content.index(b"moov")
    return content[: content.index(b"moov") - 4]


async def sound_alone(samples: Samples) -> bytes:
    return (await samples.draw("sound.mp4", [*scene(16, 16, 30, 1)[4:], *AAC])).read_bytes()


def written(content: bytes, box: bytes, at: int, value: int) -> bytes:
    """With a number, of 32 bits, at this place in the first box of this kind."""
    place = content.index(box) + 4 + at
    return content[:place] + value.to_bytes(4, "big") + content[place + 4 :]


async def hours_of_frames(samples: Samples) -> bytes:
    """A second by its size, and hours by the times of its frames."""
    content = await plain(samples)
    entries, frames, each = struct.unpack_from(">III", content, content.index(b"stts") + 8)
    assert (entries, frames) == (1, 30)
    return written(content, b"stts", 12, each * HOURS_S)


async def many_pixels(samples: Samples) -> bytes:
    """H.264 whose parameters name 100,000 pixels per side."""
    content = await plain(samples)
    at = content.index(b"avcC") + 4 + 6
    size = int.from_bytes(content[at : at + 2], "big")
    macroblocks = golomb(100_000 // 16 - 1)
    bits = f"{golomb(0)}{golomb(0)}{golomb(2)}{golomb(0)}0{macroblocks}{macroblocks}1100" + "1"
    bits += "0" * (-len(bits) % 8)
    parameters = bytes([0x67, 66, 0xC0, 62]) + int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert len(parameters) <= size
    return content[: at + 2] + parameters.ljust(size, b"\0") + content[at + 2 + size :]


def golomb(value: int) -> str:
    """As H.264 writes numbers."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


async def picture_bomb(samples: Samples) -> bytes:
    """Small by the head of the file; its pictures, PNGs of a few bytes, have a gigabyte each."""
    film = await samples.draw("png.mov", [*scene(64, 64, 5, 1), "-c:v", "png", "-pix_fmt", "rgb24", "-an"])
    small, large = (b"IHDR" + struct.pack(">II", side, side) for side in (64, 20_000))
    assert small in film.read_bytes()
    return film.read_bytes().replace(small, large)


Made = Callable[[Samples], Awaitable[bytes]]
HOSTILE: dict[str, tuple[Made, set[str]]] = {
    "a renamed PNG": (png, {NO_VIDEO}),
    "a photo of an iPhone": (photo, {NO_VIDEO}),
    "an AVIF": (avif, {NO_VIDEO}),
    "an animated GIF": (animation, {NO_VIDEO}),
    "an SVG": (svg, {NO_VIDEO}),
    "a zip bomb": (archive, {NO_VIDEO}),
    "an HLS playlist": (playlist, {NO_VIDEO}),
    "a concat script": (script, {NO_VIDEO}),
    "a DASH manifest": (manifest, {NO_VIDEO}),
    "an SDP": (session, {NO_VIDEO}),
    "text": (text, {NO_VIDEO}),
    "an empty file": (empty, {NO_VIDEO}),
    "without moov": (without_index, {NO_VIDEO}),
    "sound alone": (sound_alone, {NO_VIDEO}),
    "10 hours": (hours_of_frames, {TOO_LONG}),
    "100,000 pixels per side": (many_pixels, {BROKEN}),
    "a picture bomb": (picture_bomb, {TOO_LARGE, BROKEN}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_video_is_refused_and_leaves_nothing(
    stagedoor: Stagedoor, samples: Samples, trap: Trap, name: str
) -> None:
    make, why = HOSTILE[name]
    content = (await make(samples)).replace(b"{port}", str(trap.port).encode())
    app = Client.IOS if list(HOSTILE).index(name) % 2 else Client.ANDROID
    token = await stagedoor.sign_in(f"mallory{list(HOSTILE).index(name)}")
    user_id = (await stagedoor.done("api/showUserDetail", token))["User"]["id"]
    answer = await post(stagedoor, token, app, content)
    assert trap.calls == 0
    assert answer["code"] == 201, answer
    assert answer["msg"] in why
    async with stagedoor.database() as connection:
        left = await connection.fetchrow(
            """select (select count(*) from video where user_id = $1),
                (select count(*) from video_content where sha256 = $2),
                (select count(*) from stored_file where sha256 = $2)""",
            user_id,
            hashlib.sha256(content).digest(),
        )
        assert left is not None
        assert tuple(left) == (0, 0, 0)
    assert list((stagedoor.data_dir / "uploads").iterdir()) == []


async def test_what_the_head_says_about_the_length_does_not_count(stagedoor: Stagedoor, samples: Samples) -> None:
    """10 hours by every head of the file, a second by its frames."""
    content = await plain(samples)
    for box, at, scale in ((b"mvhd", 16, 1000), (b"tkhd", 20, 1000), (b"mdhd", 16, 15360), (b"elst", 8, 1000)):
        content = written(content, box, at, HOURS_S * scale)
    token = await stagedoor.sign_in("ada")
    told = await processed(stagedoor, token, Client.ANDROID, content)
    assert told["state"] == "ready", told
    shown = await ask(stagedoor, Client.IOS, "showVideoDetail", token, json={"video_id": told["id"]})
    assert shown["msg"]["Video"]["duration"] == pytest.approx(1, abs=0.1)


async def test_of_a_video_that_ends_too_early_plays_what_is_there(
    stagedoor: Stagedoor, samples: Samples, tmp_path: Path
) -> None:
    """Its index is at the start, and names what did not arrive."""
    video = await samples.draw(
        "whole.mp4", [*scene(320, 180, 30, 3), *X264, "-g", "15", *AAC, "-movflags", "+faststart"]
    )
    content = video.read_bytes()
    start = content.index(b"mdat")
    assert content.index(b"moov") < start
    token = await stagedoor.sign_in("ada")
    told = await processed(stagedoor, token, Client.IOS, content[: (start + len(content)) // 2])
    assert told["state"] == "ready", told
    shown = await ask(stagedoor, Client.IOS, "showVideoDetail", token, json={"video_id": told["id"]})
    half = tmp_path / "half.mp4"
    half.write_bytes(await fetch(stagedoor, shown["msg"]["Video"]["video"], "video/mp4"))
    with av.open(str(half)) as file:
        frames = sum(1 for _ in file.decode(video=0))
    assert 15 < frames < 75
    assert shown["msg"]["Video"]["duration"] == pytest.approx(frames / 30, abs=0.1)
