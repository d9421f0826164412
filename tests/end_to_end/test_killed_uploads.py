"""The server is killed while phones upload videos: nothing is left of an upload that did not arrive, and what was answered is
there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control_plane.pictures.clips import clip
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

HEAD = b'--b\r\nContent-Disposition: form-data; name="video"; filename="v.mp4"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"
FORM = "multipart/form-data; boundary=b"


async def post(platform: Stagedoor, token: str, parts: AsyncIterator[bytes]) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": FORM}
    async with platform.session.post(platform.url("/api/postVideo"), data=parts, headers=headers) as response:
        code: int = json.loads(await response.read())["code"]
        return code


async def count(platform: Stagedoor, table: str) -> int:
    async with platform.database() as connection:
        found: int = await connection.fetchval(f"select count(*) from {table}")
        return found


async def test_a_killed_server_leaves_nothing_of_an_upload(own: Stagedoor, tmp_path: Path) -> None:
    content = (await clip(tmp_path / "clip.mp4", seconds=2)).read_bytes()
    uploads, token = own.data_dir / "uploads", await own.sign_in("kim")
    contents = await count(own, "video_content")

    async def half() -> AsyncIterator[bytes]:
        yield HEAD
        yield bytes(3 << 20)
        await asyncio.Event().wait()

    async def whole() -> AsyncIterator[bytes]:
        yield HEAD + content + TAIL

    sending = [asyncio.create_task(post(own, token, half())) for _ in range(2)]
    await until(
        lambda: sum(file.stat().st_size > 1 << 20 for file in uploads.glob("*/0")) == 2,
        what="two uploads are under way",
    )
    await own.kill()
    await asyncio.gather(*sending, return_exceptions=True)
    await own.start()
    assert not uploads.exists()
    assert await count(own, "video_content") == contents

    async def is_stored() -> bool:
        return await count(own, "stored_file where kind = 'originals'") > 0

    sent = asyncio.create_task(post(own, token, whole()))
    await until(is_stored, what="the original is about to be stored")
    await own.kill()
    answered = (await asyncio.gather(sent, return_exceptions=True))[0]
    await own.start()
    there = await count(own, "video_content where sha256 is not null")
    assert there == 1 or answered != 200
    assert await post(own, token, whole()) == 200, "the phone tries again"
    assert await count(own, "video_content where sha256 is not null") == 1
    assert not list(uploads.iterdir())

    async def is_ready() -> bool:
        return await count(own, "video where state = 'processing'") == 0

    await until(is_ready, 60, what="the video is ready")
    assert await count(own, "video_content where sha256 is not null and state = 'ready'") == 1
    status, told = await own.command("storage", "check", "--json")
    assert status == 0, told
    assert json.loads(told)["missing"] == []
