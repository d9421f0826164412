"""addUserImageNew and addUserProfileVideo, as each app calls them."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient

from api.contract.client import Client
from api.contract.dispatch import LARGE
from api.contract.endpoint import LARGEST_BODY, Section
from api.contract.platform import Platform
from api.sections.users import pictures, profile
from control_plane.accounts import bans_store
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.sections.posting import posted
from tests.api.served import served
from tests.control_plane.people import new_user
from tests.control_plane.pictures.clips import clip
from tests.control_plane.pictures.samples import animation, from_a_phone, quarters, saved

PNG = saved(quarters(), "PNG")
PICTURE_OF_6_MB = saved(quarters(1600, 1200), "PNG", compress_level=0)  # 5.8 MB


class App(NamedTuple):
    client: TestClient[web.Request, web.Application]
    platform: Platform
    user_id: UserId
    token: str

    async def post(
        self, name: str, *, app: Client = Client.ANDROID, token: str | None = None, **options: Any
    ) -> dict[str, Any]:
        return await posted(self.client, name, app, self.token if token is None else token, **options)

    async def user(self, **options: Any) -> dict[str, Any]:
        """The `User` of an answer that succeeds."""
        answer = await self.post("addUserImageNew", **options)
        assert answer["code"] == 200, answer
        user: dict[str, Any] = answer["msg"]["User"]
        return user


@pytest.fixture
async def app(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[App]:
    section = Section("users")
    section.endpoints = [*pictures.section.endpoints, *profile.section.endpoints]
    async with served(dsn, database, tmp_path, section) as (client, platform):
        user_id = await new_user(database)
        yield App(client, platform, user_id, await platform.accounts.sessions.issue(user_id))


def form(field: str, content: bytes) -> FormData:
    data = FormData({"user_id": ""})
    data.add_field(field, content, filename="x.bin", content_type="application/octet-stream")
    return data


def as_json(**fields: str) -> io.BytesIO:
    return io.BytesIO(json.dumps(fields).encode())


def as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("client", list(Client))
async def test_a_picture_in_json_as_every_app_reads_the_answer(app: App, client: Client) -> None:
    user = await app.user(
        app=client, json={"user_id": str(app.user_id), "profile_pic": as_text(PNG), "extension": "png"}
    )
    base = f"{app.platform.urls.base}/media/pictures/"
    assert user["profile_pic"].startswith(base)
    assert user["profile_pic_small"].startswith(base)
    assert user["profile_pic"] != user["profile_pic_small"]
    assert (user["profile_gif"], user["profile_video"]) == ("", "")
    shown = (await app.post("showUserDetail", app=client, json={}))["msg"]["User"]
    assert {**shown, "auth_token": user["auth_token"]} == user


async def test_base64_of_every_kind(app: App) -> None:
    text = as_text(PNG)
    lines = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    texts = [
        *(
            lines,
            f"data:image/png;base64,{text}",
            text.rstrip("="),
            text.replace("+", "-").replace("/", "_"),
            f" {text}\r\n",
        ),
    ]
    names = {
        (await app.user(json={"profile_pic": sent, "profile_pic_small": "ignored"}))["profile_pic"] for sent in texts
    }
    escaped = '{"profile_pic": "' + text.replace("/", "\\/").replace("=", "\\u003d").replace("+", "\\u002b") + '"}'
    names.add((await app.user(data=escaped))["profile_pic"])
    assert len(names) == 1
    answer = await app.post("addUserImageNew", data=form("profile_pic", PNG))
    assert answer["msg"]["User"]["profile_pic"] in names, "a form brings the same"


async def test_a_picture_larger_than_other_json_bodies(app: App) -> None:
    assert len(as_text(PICTURE_OF_6_MB)) > 100 * app.platform.settings.body_limit
    assert (await app.user(data=as_json(profile_pic=as_text(PICTURE_OF_6_MB))))["profile_pic"]
    answer = await app.post("addUserImageNew", data=as_json(profile_pic="A" * LARGEST_BODY))
    assert (answer["code"], answer["msg"]) == (400, f"The body is larger than {LARGEST_BODY} bytes.")
    answer = await app.post("showUserDetail", data=as_json(username="A" * LARGEST_BODY))
    assert answer["code"] == 400


async def test_an_animated_picture_is_shown_as_such(app: App) -> None:
    user = await app.user(json={"profile_pic": as_text(animation("WEBP"))})
    assert user["profile_gif"].endswith(".gif")
    assert user["profile_pic"].endswith(".jpg")


async def test_a_form_with_a_phones_picture(app: App) -> None:
    assert (await app.user(data=form("profile_pic", from_a_phone("HEIF", 6))))["profile_pic"]
    assert list((app.platform.settings.data_dir / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ({}, 400, "profile_pic is missing."),
        ({"profile_pic": ""}, 400, "profile_pic is missing."),
        ({"profile_pic": "not base64 !"}, 400, "profile_pic must be base64."),
        ({"profile_pic": "ÄÖÜ"}, 400, "profile_pic must be base64."),
        (
            {"profile_pic": as_text(b"<svg onload=alert(1)>")},
            201,
            "This is not a JPEG, PNG, WebP, GIF or HEIC picture.",
        ),
        (
            {"profile_pic": as_text(PNG[: len(PNG) // 2]), "extension": "png"},
            201,
            "The picture is damaged or incomplete.",
        ),
        ({"user_id": "999999", "profile_pic": as_text(PNG)}, 201, "user_id names another user"),
    ],
)
async def test_what_is_wrong_is_refused_in_words(app: App, body: dict[str, Any], code: int, why: str) -> None:
    answer = await app.post("addUserImageNew", json=body)
    assert (answer["code"], answer["msg"][: len(why)]) == (code, why)


async def test_guests_and_banned_users_set_no_picture(app: App, database: Database) -> None:
    for client, code in {Client.IOS: 401, Client.ANDROID: 501}.items():
        for options in ({"json": {"profile_pic": as_text(PNG)}}, {"data": form("profile_pic", PNG)}):
            assert (await app.post("addUserImageNew", app=client, token="", **options))["code"] == code
    await app.platform.accounts.sessions.revoke_all(app.user_id)
    assert (await app.post("addUserImageNew", json={"profile_pic": as_text(PNG)}))["code"] == 501
    async with database.transaction() as connection:
        await bans_store.ban(connection, app.user_id)
    named = {"user_id": str(app.user_id), "profile_pic": as_text(PNG)}  # as old app builds do in development mode
    assert (await app.post("addUserImageNew", token="", json=named))["code"] == 201


async def test_in_production_a_user_named_in_the_body_changes_nothing(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    async with served(dsn, database, tmp_path, pictures.section, dev=False, body_identity=True) as (client, platform):
        app = App(client, platform, await new_user(database), "")
        named = {"user_id": str(app.user_id), "profile_pic": as_text(PNG)}
        assert (await app.post("addUserImageNew", app=Client.DOCUMENT, json=named))["code"] == 401
        assert await database.fetchval("select profile_pic from app_user where id = $1", app.user_id) == ""


async def test_strangers_send_no_large_body(dsn: str, database: Database, tmp_path: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"profile_pic": "'
        while True:
            sent += 1
            yield b"A" * 1024
            await asyncio.sleep(0.01)

    async with served(dsn, database, tmp_path, pictures.section, dev=False) as (client, platform):
        app = App(client, platform, await new_user(database), "")
        assert (await app.post("addUserImageNew", app=Client.DOCUMENT, data=endless()))["code"] == 401
    assert sent < 500


async def test_large_bodies_are_few_at_a_time(app: App) -> None:
    """The next is refused before its body is read."""
    holding = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"profile_pic": "'
        await holding.wait()
        yield as_text(PNG).encode() + b'"}'

    waiting = [asyncio.create_task(app.post("addUserImageNew", data=slow())) for _ in range(LARGE + 3)]
    while sum(task.done() for task in waiting) < 3:
        await asyncio.wait([task for task in waiting if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    holding.set()
    answers = await asyncio.gather(*waiting)
    assert [answer["code"] for answer in answers].count(200) == LARGE
    assert [str(answer["msg"])[:17] for answer in answers].count("Too many requests") == 3


async def test_a_profile_video(app: App, tmp_path: Path) -> None:
    content = (await clip(tmp_path / "clip.mp4")).read_bytes()
    for client in Client:
        answer = await app.post("addUserProfileVideo", app=client, data=form("video", content))
        assert answer["code"] == 200, answer
        assert answer["msg"]["User"]["profile_video"].endswith(".mp4")
    answer = await app.post("addUserProfileVideo", data=form("video", PNG))
    assert (answer["code"], answer["msg"]) == (201, "This is not an MP4, MOV, 3GP, MKV or WebM video.")
    answer = await app.post("addUserProfileVideo", json={})
    assert (answer["code"], answer["msg"]) == (400, "video is missing.")
