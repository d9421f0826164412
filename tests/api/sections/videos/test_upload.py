"""postVideo and editVideo, as each app calls them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import FormData

from api.contract.client import Client
from control_plane.base.ids import UserId
from tests.api.sections.apps import APPS, Apps
from tests.api.sections.posting import posted
from tests.control_plane.people import new_user
from tests.control_plane.pictures.clips import clip

ANDROID = {
    "privacy_type": "Public",
    "sound_id": "null",
    "allow_comments": "true",
    "allow_duet": "1",
    "story": "0",
    "description": "#Dance with @ben",
    "video_id": "0",
    "hashtags_json": '[{"name":"Dance"}]',
    "lat": "0.0",
    "long": "0.0",
    "location_string": "",
    "location_name": "",
    "google_place_id": "",
}
IOS = {
    "privacy_type": "friends",
    "sound_id": "",
    "allow_comments": "false",
    "allow_duet": "false",
    "story": "1",
    "description": "at the sea",
    "video_id": "",
    "hashtags_json": '[["name": "sea"], ["name": "sun"]]',
    "lat": "54.32",
    "long": "10.13",
    "location_string": "Kiel, Germany",
    "location_name": "Kiel",
    "google_place_id": "p1",
    "users_json": "[]",
    "videoType": "0",
    "user_thumbnail": "x" * 5000,
}


def form(content: bytes, fields: Mapping[str, str]) -> FormData:
    data = FormData(fields)
    data.add_field("video", content, filename="video.mp4", content_type="video/mp4")
    return data


async def post(apps: Apps, token: str, content: bytes, app: Client = Client.ANDROID, **fields: str) -> dict[str, Any]:
    return await posted(apps.http, "postVideo", app, token, data=form(content, fields))


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return asyncio.run(clip(tmp_path_factory.mktemp("clips") / "clip.mp4")).read_bytes()


@pytest.mark.parametrize("app", APPS)
async def test_a_posted_video_waits_for_its_processing(
    apps: Apps, ann: UserId, token: str, content: bytes, app: Client
) -> None:
    ben = await new_user(apps.database, "ben")
    answer = await post(apps, token, content, app, **ANDROID, users_json=f'[{{"user_id":"{ben}"}}]')
    assert answer["code"] == 200, answer
    video = answer["msg"]["Video"]
    assert (video["user_id"], video["upload_state"], video["upload_progress"]) == (ann, "processing", 0)
    assert (video["description"], video["privacy_type"], video["allow_duet"]) == ("#Dance with @ben", "public", 1)
    row = await apps.database.fetchrow(
        """select c.sha256, c.bytes, c.original, c.state, f.state as stored, f.public, f.sha256 as stored_sha256
           from video v join video_content c on c.id = content_id join stored_file f on f.name = original where v.id = $1""",
        video["id"],
    )
    digest = hashlib.sha256(content).digest()
    assert row is not None
    assert tuple(row)[0:2] == (digest, len(content))
    assert tuple(row)[3:] == ("processing", "kept", False, digest)
    path = apps.platform.stored.files.storage.path(row["original"])
    assert path is not None
    assert path.read_bytes() == content
    assert await apps.database.fetchval("select name from hashtag join video_hashtag on hashtag_id = id") == "dance"
    assert await apps.database.fetchval("select user_id from video_mention") == ben
