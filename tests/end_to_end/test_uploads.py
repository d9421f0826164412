"""An uploaded picture from the call to the address that everybody reads, in a folder and in a bucket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.control_plane.pictures.samples import from_a_phone, quarters, saved
from tests.control_plane.storage.conftest import new_bucket, s3
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.template import Template
from tests.waiting import until

__all__ = ["s3"]

pytestmark = pytest.mark.timeout(120)


async def fetch(platform: Stagedoor, url: str) -> tuple[int, bytes, str]:
    async with platform.session.get(url) as response:
        return response.status, await response.read(), response.headers.get("Content-Type", "")


async def set_picture(platform: Stagedoor, token: str, content: bytes) -> dict[str, Any]:
    profile = await platform.done("api/addUserImageNew", token, profile_pic=base64.b64encode(content).decode())
    user: dict[str, Any] = profile["User"]
    return user


@pytest.mark.parametrize("place", ["folder", "bucket"])
async def test_a_picture_is_seen_by_all_until_it_is_replaced(template: Template, s3: str, place: str) -> None:
    async with template.empty() if place == "bucket" else template.stopped() as platform:
        if place == "bucket":
            platform.set(storage_url=new_bucket(s3))
        await platform.start()
        token = await platform.sign_in("ada")
        demo = (await platform.done("api/showUserDetail", token))["User"]
        for key in ("profile_pic", "profile_pic_small", "profile_gif", "profile_video"):
            assert (await fetch(platform, demo[key]))[0] == 200, key
        first = await set_picture(platform, token, from_a_phone(orientation=6))
        for url in (first["profile_pic"], first["profile_pic_small"]):
            status, content, kind = await fetch(platform, url)
            assert (status, content[:3], kind) == (200, b"\xff\xd8\xff", "image/jpeg")
        second = await set_picture(platform, token, saved(quarters(50, 50), "PNG"))
        assert (await fetch(platform, second["profile_pic"]))[0] == 200

        async def gone() -> bool:
            return (await fetch(platform, first["profile_pic"]))[0] == 404

        await until(gone, 30, what="the old picture deleted")
        status, told = await platform.command("storage", "check", "--json")
        assert status == 0, told
        report = json.loads(told)
        assert (report["strays"], report["missing"]) == ([], [])
        await platform.kill()
        await platform.start()
        shown = await platform.done("api/showUserDetail", await platform.sign_in("ada"))
        assert (await fetch(platform, shown["User"]["profile_pic"]))[0] == 200
        assert "call_broke" not in platform.log
        assert "secret_access_key" not in platform.log
