"""editProfile, showUsers and userVerificationRequest, as each app calls them."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from api.contract.client import Client
from api.contract.endpoint import Section
from api.contract.platform import Platform
from api.sections import gifts, live
from api.sections.auth import register
from api.sections.users import edit, profile, several, verification
from control_plane.accounts import bans_store, store
from control_plane.accounts.user import NewUser
from control_plane.accounts.verifications import REQUESTS, SUBMISSIONS
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.operations import verifications as operations
from control_plane.operations.audit import Actor
from tests.api.sections.posting import posted
from tests.api.served import served
from tests.control_plane.people import new_user
from tests.control_plane.pictures.samples import animation
from tests.control_plane.watched_database import watched_database

IN_2000 = dt.date(2000, 2, 29)
A_CHILD = utc_now().date().replace(month=1, day=1) - dt.timedelta(days=12 * 365)
SIXTEEN = utc_now().date().replace(month=1, day=1) - dt.timedelta(days=16 * 365)
PHOTO = b"\xff\xd8\xff" + b"photo"
ANDROIDS_PROFILE = {
    "username": "ann",
    "first_name": "Ann",
    "last_name": "Lee",
    "gender": "Female",
    "bio": "hello",
    "website": "example.com",
    "email": "ann@example.com",
    "phone": "+4915123456789",
}


class App(NamedTuple):
    client: TestClient[web.Request, web.Application]
    platform: Platform
    user_id: UserId
    token: str

    async def post(
        self, name: str, body: dict[str, Any], *, app: Client = Client.ANDROID, token: str | None = None
    ) -> dict[str, Any]:
        return await posted(self.client, name, app, self.token if token is None else token, json=body)

    async def edited(self, app: Client = Client.ANDROID, /, **fields: Any) -> dict[str, Any]:
        """The `User` of an answer that succeeds."""
        answer = await self.post("editProfile", fields, app=app)
        assert answer["code"] == 200, answer
        user: dict[str, Any] = answer["msg"]["User"]
        return user

    async def refused(self, name: str, body: dict[str, Any], code: int, why: str, *, token: str | None = None) -> None:
        answer = await self.post(name, body, token=token)
        assert (answer["code"], answer["msg"][: len(why)]) == (code, why)

    async def as_other(self, user_id: UserId) -> App:
        return self._replace(user_id=user_id, token=await self.platform.accounts.sessions.issue(user_id))


def all_sections() -> Section:
    section = Section("users")
    section.endpoints = [
        endpoint
        for part in (edit, profile, several, verification, register, live, gifts)
        for endpoint in part.section.endpoints
    ]
    return section


async def new_app(client: TestClient[web.Request, web.Application], platform: Platform, database: Database) -> App:
    new = NewUser(username="ann", email="ann@example.com", phone="+4915123456789")
    async with database.transaction() as connection:
        user_id = await store.create(connection, new, [])
    return App(client, platform, user_id, await platform.accounts.sessions.issue(user_id))


@pytest.fixture
async def app(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[App]:
    async with served(dsn, database, tmp_path, all_sections(), dev=False, address_rate=10_000) as (client, platform):
        yield await new_app(client, platform, database)


# ── editProfile ──


@pytest.mark.parametrize("client", list(Client))
async def test_a_profile_is_edited_as_each_app_does(app: App, client: Client) -> None:
    sent = ANDROIDS_PROFILE | ({} if client is Client.IOS else {"user_id": str(app.user_id), "profile_view": "1"})
    user = await app.edited(client, **sent)
    assert user["website"] == "https://example.com"
    assert {key: user[key] for key in ("first_name", "last_name", "gender", "bio", "email", "phone")} == {
        key: sent[key] for key in ("first_name", "last_name", "gender", "bio", "email", "phone")
    }
    assert user["profile_view"] == int("profile_view" in sent)
    shown = (await app.post("showUserDetail", {}, app=client))["msg"]["User"]
    assert shown == user


async def test_any_subset_changes_only_itself(app: App) -> None:
    before = await app.edited(**ANDROIDS_PROFILE, private=1, profile_view=1)
    assert (before["private"], before["profile_view"]) == (1, 1)
    assert await app.edited() == before
    assert await app.edited(private="", profile_view="", username="", dob="", profile_pic="") == before
    assert await app.edited(profile_gif="") == before
    for field in ("first_name", "last_name", "gender", "bio", "website"):
        before = await app.edited(**{field: ""})
        assert before[field] == ""
    for field, off in {"private": 0, "profile_view": "0"}.items():
        assert (await app.edited(**{field: off}))[field] == 0


@pytest.mark.parametrize(
    "contacts",
    [
        {"email": "", "phone": ""},
        {"email": "null", "phone": "0"},
        {"email": " ANN@example.com ", "phone": "+49 151 23456789"},
        {"email": "ann@example.com", "phone": "015123456789"},
        {"phone": "004915123456789"},
        {"phone": 4915123456789},
    ],
)
async def test_contacts_that_are_empty_or_unchanged_never_fail(app: App, contacts: dict[str, Any]) -> None:
    user = await app.edited(bio="new", **contacts)
    assert (user["bio"], user["email"], user["phone"]) == ("new", "ann@example.com", "+4915123456789")


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        (
            {"email": "eve@example.com"},
            201,
            "Your email address is not changed with the profile. Use changeEmailAddress",
        ),
        ({"email": "no address"}, 201, "Your email address is not changed"),
        ({"phone": "+4915123456780"}, 201, "Your phone number is not changed with the profile. Use changePhoneNo"),
        ({"phone": "789"}, 201, "Your phone number is not changed"),
        ({"username": "BOB1"}, 201, "This username is already taken."),
        ({"username": "b0b1"}, 201, "This username is already taken."),
        ({"username": "admin"}, 201, "This username is reserved."),
        ({"username": "a b"}, 201, "A username has 1 to 40"),
        ({"bio": "x" * 301}, 201, "The bio may have at most 300 characters."),
        ({"bio": "x" * 2001}, 400, "bio may have at most 2000 characters."),
        ({"first_name": "x" * 51}, 201, "The first name may have at most 50 characters."),
        ({"website": "javascript:alert(1)"}, 201, "The website must be an address such as https://example.com."),
        ({"website": "ftp://example.com"}, 201, "The website must be"),
        ({"website": "https://good.example@evil.example"}, 201, "The website must be"),
        ({"website": "https://good.example\\@evil.example"}, 201, "The website must be"),
        ({"website": "//evil"}, 201, "The website must be"),
        ({"website": 'https://e.example/"><script>'}, 201, "The website must be"),
        ({"website": "https://e.example:99999"}, 201, "The website must be"),
        ({"website": "https://e.example/" + "x" * 200}, 201, "The website may have at most 200"),
        ({"dob": "2000-13-01"}, 400, "dob must be a date"),
        ({"dob": "1880-01-01"}, 201, "This is not a possible date of birth."),
        ({"dob": "2999-01-01"}, 201, "This is not a possible date of birth."),
        ({"dob": A_CHILD.isoformat()}, 201, "You have to be at least 13 years old to use this service."),
        ({"private": 2}, 400, "private may be at most 1."),
        ({"private": "yes"}, 400, "private must be a whole number."),
        ({"profile_pic": "no base64 !"}, 400, "profile_pic must be base64."),
        ({"user_id": "999999", "bio": "x"}, 201, "user_id names another user"),
    ],
)
async def test_what_is_wrong_is_refused_in_words_and_changes_nothing(
    app: App, database: Database, body: dict[str, Any], code: int, why: str
) -> None:
    async with database.transaction() as connection:
        await store.create(connection, NewUser(username="bob1"), [])
    before = await app.edited(**ANDROIDS_PROFILE)
    await app.refused("editProfile", {"last_name": "Changed", **body}, code, why)
    assert await app.edited() == before


async def test_texts_lose_what_is_invisible_or_changes_the_text_around_them(app: App) -> None:
    user = await app.edited(
        first_name=" A\u202en\u200bn\x07 \n Lee\u2066",
        last_name="\u3164\u115f\u2800",
        bio="one \u202e\n\n\n\n two\tthree\r\n" + "o" + "\u0335" * 50 + " 👩\u200d🚀",
        website="EXAMPLE.com/\u200bpath",
    )
    assert (user["first_name"], user["last_name"]) == ("Ann Lee", "")
    assert user["bio"] == "one\n\ntwo three\no" + "\u0335" * 3 + " 👩\u200d🚀"
    assert user["website"] == "https://EXAMPLE.com/path"


async def test_a_username_is_changed(app: App) -> None:
    assert (await app.edited(username="@Anna"))["username"] == "Anna"
    for name in ("anna", "ann", "@ANN"):
        shown = (await app.post("showUserDetail", {"username": name}, token=""))["msg"]["User"]
        assert (shown["id"], shown["username"]) == (app.user_id, "Anna")
    for number in range(2):
        await app.edited(username=f"anna{number}", bio=f"{number}")
    await app.refused(
        "editProfile", {"username": "anni", "bio": "new"}, 201, "You can change your username 3 times in 30 days."
    )
    assert (await app.edited(username="ANNA1"))["bio"] == "1"


async def test_a_date_of_birth_is_set_once(app: App) -> None:
    assert (await app.edited(dob="2000-02-29"))["dob"] == "2000-02-29"
    assert (await app.edited(dob="2000-02-29", bio="x"))["dob"] == "2000-02-29"
    assert (await app.edited(dob="0000-00-00"))["dob"] == "2000-02-29"
    await app.refused("editProfile", {"dob": "1990-01-01"}, 201, "Your date of birth cannot be changed.")


async def test_a_picture_in_base64_and_the_end_of_its_animation(app: App) -> None:
    moving = base64.b64encode(animation("GIF")).decode()
    user = await app.edited(profile_pic=moving, bio="new")
    assert (user["bio"], user["profile_gif"][-4:]) == ("new", ".gif")
    still = await app.edited(profile_gif="")
    assert (still["profile_gif"], still["profile_pic"]) == ("", user["profile_pic"])
    assert await app.edited(profile_gif="x", profile_pic=user["profile_pic"]) == still
    no_picture = {"profile_pic": base64.b64encode(b"<svg onload=alert(1)>").decode()}
    await app.refused("editProfile", no_picture, 201, "This is not a JPEG, PNG, WebP, GIF or HEIC picture.")


async def test_a_document_larger_than_other_json_bodies(app: App) -> None:
    large = requested(app, PHOTO + bytes(300_000))
    assert len(large["attachment"]["file_data"]) > 10 * app.platform.settings.body_limit
    assert (await app.post("userVerificationRequest", large))["code"] == 200


async def test_pictures_of_other_servers_are_not_stored(app: App) -> None:
    for url in ("https://firebasestorage.example/ann.jpg", "http://127.0.0.1/x"):
        assert (await app.edited(Client.IOS, profile_pic=url, bio=url))["profile_pic"] == ""


async def test_development_mode_stores_pictures_of_other_servers(dsn: str, database: Database, tmp_path: Path) -> None:
    async with served(dsn, database, tmp_path, all_sections()) as (client, platform):
        app = await new_app(client, platform, database)
        url = "https://firebasestorage.example/ann.jpg"
        for _ in range(2):
            assert (await app.edited(profile_pic=url))["profile_pic"] == url
        assert (await app.edited(profile_pic=""))["profile_pic"] == url
        for number, (sent, shown) in enumerate([(url, url), ("pictures/0123.jpg", ""), ("/media/x", "")]):
            new = {"auth_token": f"uid{number}", "username": f"new{number}", "dob": "", "profile_pic": sent}
            answer = await app.post("registerUser", {**new, "social": "google", "social_id": f"g{number}"}, token="")
            assert answer["msg"]["User"]["profile_pic"] == shown


async def test_a_banned_user_edits_nothing(dsn: str, database: Database, tmp_path: Path) -> None:
    async with served(dsn, database, tmp_path, all_sections()) as (client, platform):
        app = await new_app(client, platform, database)
        async with database.transaction() as connection:
            await bans_store.ban(connection, app.user_id)
        for name in ("editProfile", "userVerificationRequest"):
            named = requested(app, bio="x")  # as old app builds do in development mode
            await app.refused(name, named, 201, "You have been blocked.", token="")


async def test_guests_edit_nothing(app: App) -> None:
    for name in ("editProfile", "showUsers", "userVerificationRequest"):
        assert (await app.post(name, {}, token=""))["code"] == 501
        assert (await app.post(name, {}, token="", app=Client.IOS))["code"] == 401


async def test_a_user_who_is_only_named_in_the_body_changes_nothing(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    async with served(dsn, database, tmp_path, all_sections(), dev=False, body_identity=True) as (client, platform):
        app = await new_app(client, platform, database)
        named = {"user_id": str(app.user_id), "bio": "x", "attachment": {"file_data": as_text(PHOTO)}}
        for name in ("editProfile", "userVerificationRequest"):
            assert (await app.post(name, named, token=""))["code"] == 501
    assert (await store.by_ids(database, [app.user_id]))[app.user_id].bio == ""


# ── ages ──


async def test_children_cannot_register(dsn: str, database: Database, tmp_path: Path) -> None:
    async with served(dsn, database, tmp_path, all_sections()) as (client, platform):
        app = App(client, platform, UserId(0), "")
        too_young = "You have to be at least 13 years old to use this service."
        await app.refused("registerUser", {"username": "kid", "dob": A_CHILD.isoformat()}, 201, too_young)
        for dob in ("2999-01-01", "1880-01-01"):
            impossible = {"username": "kid", "dob": dob}
            await app.refused("registerUser", impossible, 201, "This is not a possible date of birth.")
        assert await database.fetchval("select count(*) from app_user") == 0
        for dob in (SIXTEEN.isoformat(), "", "0000-00-00"):
            made = await app.post("registerUser", {"username": f"kid{len(dob)}{dob[:2]}", "dob": dob})
            assert made["code"] == 200


async def test_minors_do_not_go_live_and_send_no_gifts(app: App) -> None:
    await app.edited(dob=SIXTEEN.isoformat())
    await app.refused("liveStream", {}, 201, "You have to be at least 18 years old to go live.")


@pytest.mark.parametrize("required", [False, True])
async def test_a_user_without_a_date_of_birth_goes_live_unless_it_is_required(
    dsn: str, database: Database, tmp_path: Path, *, required: bool
) -> None:
    options = {"dev": False, "age_required": required}
    async with served(dsn, database, tmp_path, all_sections(), **options) as (client, platform):
        app = await new_app(client, platform, database)
        if required:
            await app.refused("liveStream", {}, 201, "Please enter your date of birth in your profile first")
            await app.edited(dob=IN_2000.isoformat())
        stream = (await app.post("liveStream", {}))["msg"]["LiveStreaming"]
        await database.execute("update app_user set dob = $1", SIXTEEN)
        ended = await app.post("liveStream", {"id": stream["id"], "ended_at": "now"})
        assert ended["code"] == 200, "what runs can always be ended"


# ── showUsers ──


async def test_several_users_in_the_order_of_the_request(app: App, database: Database) -> None:
    bob, cid, banned = [await new_user(database) for _ in range(3)]
    async with database.transaction() as connection:
        await bans_store.ban(connection, banned)
    wanted = [cid, app.user_id, bob, banned, 987654, cid]
    body = {"users": [{"user_id": user_id if user_id == bob else str(user_id)} for user_id in wanted]}
    for client in Client:
        users = [entry["User"] for entry in (await app.post("showUsers", body, app=client))["msg"]]
        assert [user["id"] for user in users] == [cid, app.user_id, bob]
        assert [user["email"] for user in users] == ["", "", ""]
        assert [user["button"] for user in users] == ["Follow", "", "Follow"]


async def test_a_long_list_takes_as_many_queries_as_a_short_one(dsn: str, tmp_path: Path) -> None:
    async with (
        watched_database(dsn) as database,
        served(dsn, database, tmp_path, all_sections()) as (client, platform),
    ):
        app = await new_app(client, platform, database)
        users = [{"user_id": await new_user(database)} for _ in range(100)]
        uses = []
        for wanted in (users[:1], users[:1], users):  # the first one reads the session, too
            before = database.uses
            assert len((await app.post("showUsers", {"users": wanted}))["msg"]) == len(wanted)
            uses.append(database.uses - before)
        assert uses[1:] == [1, 1]


async def test_lists_of_users_that_hold_none(app: App) -> None:
    lists: tuple[list[Any], ...] = ([], [{}], [{"user_id": ""}, 7, None, "x", {"user_id": 2**40}])
    for users in lists:
        answer = await app.post("showUsers", {"users": users})
        assert (answer["code"], answer["msg"]) == (200, [])
    await app.refused("showUsers", {"users": [{"user_id": 1}] * 101}, 400, "users may have at most 100 entries.")
    await app.refused("showUsers", {"users": "7"}, 400, "users must be a list.")
    await app.refused("showUsers", {}, 400, "users is missing.")


# ── userVerificationRequest ──


def as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def requested(app: App, document: bytes = PHOTO, **more: Any) -> dict[str, Any]:
    return {"user_id": str(app.user_id), "attachment": {"file_data": as_text(document)}, **more}


@pytest.mark.parametrize("client", list(Client))
async def test_the_badge_is_asked_for_and_approved(app: App, database: Database, client: Client) -> None:
    answer = (await app.post("userVerificationRequest", requested(app, name="Ann Lee"), app=client))["msg"]
    request = answer["VerificationRequest"]
    assert (request["user_id"], request["name"], request["verified"]) == (app.user_id, "Ann Lee", 0)
    assert request["attachment"] == "", "no address leads to the document"
    user = (await app.post("showUserDetail", {}))["msg"]["User"]
    assert (user["verification_applied"], user["verified"]) == (1, 0)

    await operations.decide(database, Actor("cli:test"), request["id"], verified=True)
    user = (await app.post("showUserDetail", {}))["msg"]["User"]
    assert (user["verification_applied"], user["verified"]) == (0, 1)
    await app.refused("userVerificationRequest", requested(app), 201, "Your account is verified already.")


async def test_a_document_that_is_sent_again_replaces_the_first_one(app: App, database: Database) -> None:
    ids = set()
    for number in range(SUBMISSIONS):
        answer = await app.post("userVerificationRequest", requested(app, PHOTO + bytes([number])))
        ids.add(answer["msg"]["VerificationRequest"]["id"])
    assert len(ids) == 1
    [kept] = await database.fetch("select name, public from stored_file where state = 'kept'")
    stored = (app.platform.settings.data_dir / "media" / kept["name"]).read_bytes()
    assert (stored, kept["public"]) == (PHOTO + bytes([SUBMISSIONS - 1]), False)
    await app.refused("userVerificationRequest", requested(app), 201, "You have sent too many verification requests.")


async def test_requests_are_limited(app: App, database: Database) -> None:
    for _ in range(REQUESTS):
        made = await app.post("userVerificationRequest", requested(app))
        request_id = made["msg"]["VerificationRequest"]["id"]
        await operations.decide(database, Actor("cli:test"), request_id, verified=False)
    await app.refused("userVerificationRequest", requested(app), 201, "You have sent too many verification requests.")
    await database.execute("update verification_request set created_at = created_at - interval '31 days'")
    assert (await app.post("userVerificationRequest", requested(app)))["code"] == 200


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ({}, 400, "attachment is missing."),
        ({"attachment": ""}, 400, "attachment is missing."),
        ({"attachment": "abc"}, 400, "attachment must be an object."),
        ({"attachment": {}}, 400, "attachment.file_data is missing."),
        ({"attachment": {"file_data": ""}}, 400, "attachment.file_data is missing."),
        ({"attachment": {"file_data": 7}}, 400, "attachment.file_data must be text."),
        ({"attachment": {"file_data": "not base64 !"}}, 400, "attachment.file_data must be base64."),
        ({"attachment": {"file_data": as_text(b"<svg onload=alert(1)>")}}, 201, "Send a photo of your document"),
        ({"attachment": {"file_data": as_text(b"MZ")}}, 201, "Send a photo of your document"),
        ({"user_id": "999999", "attachment": {"file_data": as_text(PHOTO)}}, 201, "user_id names another user"),
    ],
)
async def test_requests_that_are_wrong(app: App, database: Database, body: dict[str, Any], code: int, why: str) -> None:
    await app.refused("userVerificationRequest", body, code, why)
    assert await database.fetchval("select count(*) from verification_request") == 0


@pytest.mark.parametrize(
    "document",
    [b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"RIFF\0\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypmif1"],
)
async def test_documents_of_every_kind(app: App, document: bytes) -> None:
    body = requested(app) | {"attachment": {"file_data": "data:x/y;base64," + as_text(document), "name": "x"}}
    assert (await app.post("userVerificationRequest", body))["code"] == 200
