"""addDeviceData and registerDevice, as each app calls them, and to whom a device belongs."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.sections import devices
from api.sections.auth import register
from api.sections.users import profile
from control_plane.accounts import devices as devices_of
from control_plane.accounts.old_devices import delete_old_devices
from control_plane.base.ids import UserId
from control_plane.content import store as content
from control_plane.db.pool import Row
from tests.api.sections.calling import APPS, Calls, calling
from tests.control_plane.people import new_user

PHONE = "fcm-token-of-a-phone:APA91b"


def data(token: object = PHONE, **more: Any) -> dict[str, Any]:
    return {"user_id": "0", "device": "android", "version": "3.2", "ip": "192.0.2.7", "device_token": token, **more}


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, devices.section, profile.section, register.section) as calls:
        yield calls


async def rows(calls: Calls) -> list[Row]:
    return await calls.database.fetch("select * from device order by id")


async def holders(calls: Calls, token: str = PHONE) -> tuple[list[int], list[int | None]]:
    """The users with this token, in their own rows and in the rows of devices."""
    people = await calls.database.fetch("select id from app_user where device_token = $1", token)
    owners = await calls.database.fetch("select user_id from device where token = $1", token)
    return [row["id"] for row in people], [row["user_id"] for row in owners]


# ── addDeviceData ──


@pytest.mark.parametrize("app", APPS)
async def test_a_users_device_is_stored_without_address_and_place(
    calls: Calls, token: str, ann: UserId, app: Client
) -> None:
    sent = data(lat="52.5", long="13.4", ip=None if app is Client.IOS else "192.0.2.7")
    msg = await calls.done("addDeviceData", sent, app=app, token=token, headers={"Accept-Language": "de-DE,en;q=0.5"})
    assert (msg["User"]["id"], msg["User"]["device_token"], msg["User"]["auth_token"]) == (ann, PHONE, token)
    (row,) = await rows(calls)
    kept = {name: value for name, value in row.items() if name not in ("id", "created_at", "seen_at")}
    assert kept == {
        "key": None,
        "token": PHONE,
        "user_id": ann,
        "app": app.value,
        "version": "3.2",
        "language": "de-DE",
    }


@pytest.mark.parametrize("app", APPS)
async def test_a_guest_gets_an_empty_user_and_only_the_token_is_stored(calls: Calls, app: Client) -> None:
    for sent in (data(), data(user_id=""), data(user_id=None)):
        msg = await calls.done("addDeviceData", sent, app=app, token="0")
        assert (msg["User"]["id"], msg["PushNotification"]["id"], msg["PrivacySetting"]["id"]) == (0, 0, 0)
        assert (msg["User"]["username"], msg["User"]["device_token"]) == ("", "")
    (row,) = await rows(calls)
    assert (row["token"], row["user_id"], row["app"], row["version"], row["language"]) == (PHONE, None, "", "", "")


async def test_a_device_belongs_to_the_last_user_who_signed_in_on_it(calls: Calls, token: str, ann: UserId) -> None:
    ben = await new_user(calls.database, "ben")
    await calls.done("addDeviceData", data(), token=token)
    assert await holders(calls) == ([ann], [ann])
    await calls.done("addDeviceData", data(), token=await calls.token(ben))
    assert await holders(calls) == ([ben], [ben])
    await calls.done("addDeviceData", data(), token="0")
    assert await holders(calls) == ([ben], [ben]), "a guest takes nothing away"
    shown = await calls.done("showUserDetail", {}, token=token)
    assert shown["User"]["device_token"] == ""


async def test_signing_in_takes_the_device_of_an_earlier_user(calls: Calls, token: str, ann: UserId) -> None:
    await calls.done("addDeviceData", data(), token=token)
    for _ in ("signs up", "signs in again"):
        msg = await calls.done("registerUser", {"auth_token": "dev:carla", "device_token": PHONE})
        carla = msg["User"]["id"]
        assert msg["User"]["device_token"] == PHONE
        assert await holders(calls) == ([carla], [carla])
        await calls.done("addDeviceData", data(), token=token)
        assert await holders(calls) == ([ann], [ann])
    for name in ("dora", "emil"):  # both without a token
        await calls.done("registerUser", {"auth_token": f"dev:{name}", "device_token": "null"})
    assert len(await rows(calls)) == 1


async def test_a_phone_that_signs_out_is_its_users_no_longer(calls: Calls, ann: UserId) -> None:
    phone, tablet = await calls.token(ann), await calls.token(ann)
    await calls.done("addDeviceData", data(), token=phone)
    await calls.done("addDeviceData", data("tablet"), token=tablet)
    await calls.platform.accounts.sessions.end(tablet)
    assert (await holders(calls), await holders(calls, "tablet")) == (([], [ann]), ([], [None]))
    await calls.done("addDeviceData", data(), token=phone)
    await calls.platform.accounts.sessions.end(phone)
    assert await holders(calls) == ([], [None])


async def test_a_phone_goes_to_the_next_user_for_good(calls: Calls, ann: UserId) -> None:
    first, ben = await calls.token(ann), await new_user(calls.database, "ben")
    await calls.done("addDeviceData", data(), token=first)
    await calls.done("addDeviceData", data(), token=await calls.token(ben))
    await calls.platform.accounts.sessions.end(first)
    assert await holders(calls) == ([ben], [ben]), "the session of an earlier user ends without them"


async def test_devices_and_interests_are_exported_and_removed_with_the_person(
    calls: Calls, token: str, ann: UserId
) -> None:
    ben = await new_user(calls.database, "ben")
    for user, phone in ((ann, PHONE), (ben, "another")):
        await devices_of.claim(calls.database, user, phone, "ios", "1", "de")
        await content.choose_interests(calls.database, user, [1, 2])
    pieces = [piece async for piece in calls.platform.personal_data.export.encoded(ann)]
    exported = json.loads(b"".join(pieces))
    assert [(one["push_token"], one["language"]) for one in exported["devices"]] == [(PHONE, "de")]
    assert [one["section"] for one in exported["interests"]] == ["Entertainment", "Entertainment"]
    assert exported["settings"][0]["found_by_contacts"] == 1

    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    await calls.database.execute("update app_user set deleted_at = now() where id = $1", ann)
    assert await calls.platform.personal_data.removal.remove(ann, later)
    assert [row["user_id"] for row in await rows(calls)] == [ben]
    assert await calls.database.fetchval("select array_agg(distinct user_id) from user_interest") == [ben]


async def test_a_user_may_have_several_devices_and_the_profile_names_the_last(
    calls: Calls, token: str, ann: UserId
) -> None:
    await calls.done("addDeviceData", data("phone"), token=token)
    await calls.done("addDeviceData", data("tablet", version="4"), token=token, app=Client.ANDROID_KT)
    assert [(row["token"], row["user_id"], row["version"]) for row in await rows(calls)] == [
        ("phone", ann, "3.2"),
        ("tablet", ann, "4"),
    ]
    assert (await calls.done("showUserDetail", {}, token=token))["User"]["device_token"] == "tablet"


async def test_without_a_push_token_nothing_is_stored(calls: Calls, token: str, ann: UserId) -> None:
    await calls.done("addDeviceData", data(), token=token)
    for nothing in ("", "null", None, "(null)"):
        for session in (token, "0"):
            await calls.done("addDeviceData", data(nothing), token=session)
    assert await holders(calls) == ([ann], [ann])
    assert len(await rows(calls)) == 1


async def test_ios_never_gets_a_text(calls: Calls, token: str, ann: UserId) -> None:
    other = await new_user(calls.database)
    for sent in (data("x" * 600), data(["x"]), data(user_id=str(other))):
        refused = await calls.call("addDeviceData", sent, token=token, app=Client.ANDROID)
        assert refused["code"] in (201, 400)
        answer = await calls.call("addDeviceData", sent, token=token, app=Client.IOS)
        assert (answer["code"], answer["msg"]["User"]["id"]) == (200, 0)
    await calls.ban(ann)
    assert (await calls.call("addDeviceData", data(), token=token, app=Client.IOS))["msg"]["User"]["id"] == 0
    assert "have been blocked" in (await calls.call("addDeviceData", data(), token=token))["msg"]
    assert await rows(calls) == []


async def test_a_user_who_is_only_named_gets_no_device_in_production(
    calls: Calls, ann: UserId, dsn: str, tmp_path: Path
) -> None:
    folder = tmp_path / "production"
    folder.mkdir()
    async with calling(dsn, folder, devices.section, dev=False, body_identity=True) as production:
        msg = await production.done("addDeviceData", data(user_id=str(ann)))
    assert (msg["User"]["id"], msg["User"]["device_token"]) == (ann, "")
    assert await holders(calls) == ([], [None]), "the token is stored as a guest's"


async def test_two_users_who_exchange_their_phones_at_once_do_not_deadlock(
    calls: Calls, token: str, ann: UserId
) -> None:
    ben = await new_user(calls.database, "ben")
    tokens = {ann: token, ben: await calls.token(ben)}
    owner = {"first": ann, "second": ben}
    for _ in range(10):
        owner = {"first": owner["second"], "second": owner["first"]}
        await asyncio.gather(
            *(calls.done("addDeviceData", data(name), token=tokens[user]) for name, user in owner.items())
        )
        for name, user in owner.items():
            assert await holders(calls, name) == ([user], [user])


async def test_each_call_takes_a_fixed_number_of_queries(calls: Calls, token: str) -> None:
    await calls.done("addDeviceData", data(), token=token)
    assert await calls.queries("addDeviceData", data(), token=token) == 2, "the device, the user with the wallet"
    assert await calls.queries("addDeviceData", data(), token="0") == 1
    assert await calls.queries("registerDevice", {"key": "k"}) == 1


# ── registerDevice ──


@pytest.mark.parametrize("app", APPS)
async def test_the_same_key_is_the_same_device(calls: Calls, app: Client) -> None:
    first = (await calls.done("registerDevice", {"key": "9774d56d682e549c"}, app=app))["Device"]
    again = (await calls.done("registerDevice", {"key": " 9774d56d682e549c", "device_token": PHONE}, app=app))["Device"]
    other = (await calls.done("registerDevice", {"key": "9774d56d682e549d", "device_type": "android"}, app=app))[
        "Device"
    ]
    assert again == first
    assert first["id"] != other["id"]
    assert first["key"] == "9774d56d682e549c"
    assert [(row["key"], row["token"], row["app"]) for row in await rows(calls)] == [
        ("9774d56d682e549c", None, app.value),
        ("9774d56d682e549d", None, app.value),
    ]


async def test_the_first_calls_of_a_key_may_come_at_once(calls: Calls) -> None:
    answers = await asyncio.gather(*(calls.done("registerDevice", {"key": "k"}) for _ in range(8)))
    assert len({answer["Device"]["id"] for answer in answers}) == 1
    ids = [(await calls.done("registerDevice", {"key": "k"}))["Device"]["id"] for _ in range(5)]
    later = (await calls.done("registerDevice", {"key": "another"}))["Device"]["id"]
    assert later - ids[0] <= 8, "a call of a known device uses up no id"


async def test_a_key_that_is_none_is_refused(calls: Calls) -> None:
    keys: list[Any] = ["", None, "   ", "x" * 256, [], {"a": 1}]
    for key in keys:
        answer = await calls.call("registerDevice", {"key": key})
        assert (answer["code"], answer["msg"].startswith("key ")) == (400, True), answer
    assert await rows(calls) == []


async def test_devices_that_are_gone_are_deleted(calls: Calls, token: str) -> None:
    await calls.done("addDeviceData", data(), token=token)
    await calls.done("registerDevice", {"key": "old"})
    await calls.database.execute("update device set seen_at = $1 where key = 'old'", long_ago(271))
    await calls.database.execute("update device set seen_at = $1 where token = $2", long_ago(269), PHONE)
    await delete_old_devices.bind(calls.database).run(b"{}")
    assert [row["token"] for row in await rows(calls)] == [PHONE]


def long_ago(days: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
