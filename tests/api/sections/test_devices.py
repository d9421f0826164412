"""addDeviceData and registerDevice, as each app calls them, and to whom a device belongs."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.accounts import devices as devices_of
from control_plane.accounts.old_devices import delete_old_devices
from control_plane.base.ids import UserId
from control_plane.content import store as content
from control_plane.db.pool import Row
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.people import new_user

PHONE = "fcm-token-of-a-phone:APA91b"


def data(token: object = PHONE, **more: Any) -> dict[str, Any]:
    return {"user_id": "0", "device": "android", "version": "3.2", "ip": "192.0.2.7", "device_token": token, **more}


async def rows(apps: Apps) -> list[Row]:
    return await apps.database.fetch("select * from device order by id")


async def holders(apps: Apps, token: str = PHONE) -> tuple[list[int], list[int | None]]:
    """The users with this token, in their own rows and in the rows of devices."""
    people = await apps.database.fetch("select id from app_user where device_token = $1", token)
    owners = await apps.database.fetch("select user_id from device where token = $1", token)
    return [row["id"] for row in people], [row["user_id"] for row in owners]


# ── addDeviceData ──


@pytest.mark.parametrize("app", APPS)
async def test_a_users_device_is_stored_without_address_and_place(
    apps: Apps, token: str, ann: UserId, app: Client
) -> None:
    sent = data(lat="52.5", long="13.4", ip=None if app is Client.IOS else "192.0.2.7")
    msg = await apps.done("addDeviceData", token, app=app, headers={"Accept-Language": "de-DE,en;q=0.5"}, **sent)
    assert (msg["User"]["id"], msg["User"]["device_token"], msg["User"]["auth_token"]) == (ann, PHONE, token)
    (row,) = await rows(apps)
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
async def test_a_guest_gets_an_empty_user_and_only_the_token_is_stored(apps: Apps, app: Client) -> None:
    for sent in (data(), data(user_id=""), data(user_id=None)):
        msg = await apps.done("addDeviceData", "0", app=app, **sent)
        assert (msg["User"]["id"], msg["PushNotification"]["id"], msg["PrivacySetting"]["id"]) == (0, 0, 0)
        assert (msg["User"]["username"], msg["User"]["device_token"]) == ("", "")
    (row,) = await rows(apps)
    assert (row["token"], row["user_id"], row["app"], row["version"], row["language"]) == (PHONE, None, "", "", "")


async def test_a_device_belongs_to_the_last_user_who_signed_in_on_it(apps: Apps, token: str, ann: UserId) -> None:
    ben = await new_user(apps.database, "ben")
    await apps.done("addDeviceData", token, **data())
    assert await holders(apps) == ([ann], [ann])
    await apps.done("addDeviceData", await apps.token(ben), **data())
    assert await holders(apps) == ([ben], [ben])
    await apps.done("addDeviceData", "0", **data())
    assert await holders(apps) == ([ben], [ben]), "a guest takes nothing away"
    shown = await apps.done("showUserDetail", token)
    assert shown["User"]["device_token"] == ""


async def test_signing_in_takes_the_device_of_an_earlier_user(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addDeviceData", token, **data())
    for _ in ("signs up", "signs in again"):
        msg = await apps.done("registerUser", auth_token="dev:carla", device_token=PHONE)
        carla = msg["User"]["id"]
        assert msg["User"]["device_token"] == PHONE
        assert await holders(apps) == ([carla], [carla])
        await apps.done("addDeviceData", token, **data())
        assert await holders(apps) == ([ann], [ann])
    for name in ("dora", "emil"):  # both without a token
        await apps.done("registerUser", auth_token=f"dev:{name}", device_token="null")
    assert len(await rows(apps)) == 1


async def test_a_phone_that_signs_out_is_its_users_no_longer(apps: Apps, ann: UserId) -> None:
    phone, tablet = await apps.token(ann), await apps.token(ann)
    await apps.done("addDeviceData", phone, **data())
    await apps.done("addDeviceData", tablet, **data("tablet"))
    await apps.platform.accounts.sessions.end(tablet)
    assert (await holders(apps), await holders(apps, "tablet")) == (([], [ann]), ([], [None]))
    await apps.done("addDeviceData", phone, **data())
    await apps.platform.accounts.sessions.end(phone)
    assert await holders(apps) == ([], [None])


async def test_a_phone_goes_to_the_next_user_for_good(apps: Apps, ann: UserId) -> None:
    first, ben = await apps.token(ann), await new_user(apps.database, "ben")
    await apps.done("addDeviceData", first, **data())
    await apps.done("addDeviceData", await apps.token(ben), **data())
    await apps.platform.accounts.sessions.end(first)
    assert await holders(apps) == ([ben], [ben]), "the session of an earlier user ends without them"


async def test_devices_and_interests_are_exported_and_removed_with_the_person(
    apps: Apps, token: str, ann: UserId
) -> None:
    ben = await new_user(apps.database, "ben")
    for user, phone in ((ann, PHONE), (ben, "another")):
        await devices_of.claim(apps.database, user, phone, "ios", "1", "de")
        await content.choose_interests(apps.database, user, [1, 2])
    pieces = [piece async for piece in apps.platform.personal_data.export.encoded(ann)]
    exported = json.loads(b"".join(pieces))
    assert [(one["push_token"], one["language"]) for one in exported["devices"]] == [(PHONE, "de")]
    assert [one["section"] for one in exported["interests"]] == ["Entertainment", "Entertainment"]
    assert exported["settings"][0]["found_by_contacts"] == 1

    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    await apps.database.execute("update app_user set deleted_at = now() where id = $1", ann)
    assert await apps.platform.personal_data.removal.remove(ann, later)
    assert [row["user_id"] for row in await rows(apps)] == [ben]
    assert await apps.database.fetchval("select array_agg(distinct user_id) from user_interest") == [ben]


async def test_a_user_may_have_several_devices_and_the_profile_names_the_last(
    apps: Apps, token: str, ann: UserId
) -> None:
    await apps.done("addDeviceData", token, **data("phone"))
    await apps.done("addDeviceData", token, app=Client.ANDROID_KT, **data("tablet", version="4"))
    assert [(row["token"], row["user_id"], row["version"]) for row in await rows(apps)] == [
        ("phone", ann, "3.2"),
        ("tablet", ann, "4"),
    ]
    assert (await apps.done("showUserDetail", token))["User"]["device_token"] == "tablet"


async def test_without_a_push_token_nothing_is_stored(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addDeviceData", token, **data())
    for nothing in ("", "null", None, "(null)"):
        for session in (token, "0"):
            await apps.done("addDeviceData", session, **data(nothing))
    assert await holders(apps) == ([ann], [ann])
    assert len(await rows(apps)) == 1


async def test_ios_never_gets_a_text(apps: Apps, token: str, ann: UserId) -> None:
    other = await new_user(apps.database)
    for sent in (data("x" * 600), data(["x"]), data(user_id=str(other))):
        refused = await apps.call("addDeviceData", token, app=Client.ANDROID, **sent)
        assert refused["code"] in (201, 400)
        answer = await apps.call("addDeviceData", token, app=Client.IOS, **sent)
        assert (answer["code"], answer["msg"]["User"]["id"]) == (200, 0)
    await apps.ban(ann)
    assert (await apps.call("addDeviceData", token, app=Client.IOS, **data()))["msg"]["User"]["id"] == 0
    assert "have been blocked" in (await apps.call("addDeviceData", token, **data()))["msg"]
    assert await rows(apps) == []


async def test_a_user_who_is_only_named_gets_no_device_in_production(
    apps: Apps, ann: UserId, dsn: str, tmp_path: Path
) -> None:
    folder = tmp_path / "production"
    folder.mkdir()
    async with apps_of(dsn, apps.database, folder, dev=False, body_identity=True) as production:
        msg = await production.done("addDeviceData", **data(user_id=str(ann)))
    assert (msg["User"]["id"], msg["User"]["device_token"]) == (ann, "")
    assert await holders(apps) == ([], [None]), "the token is stored as a guest's"


async def test_two_users_who_exchange_their_phones_at_once_do_not_deadlock(apps: Apps, token: str, ann: UserId) -> None:
    ben = await new_user(apps.database, "ben")
    tokens = {ann: token, ben: await apps.token(ben)}
    owner = {"first": ann, "second": ben}
    for _ in range(10):
        owner = {"first": owner["second"], "second": owner["first"]}
        await asyncio.gather(*(apps.done("addDeviceData", tokens[user], **data(name)) for name, user in owner.items()))
        for name, user in owner.items():
            assert await holders(apps, name) == ([user], [user])


async def test_each_call_takes_a_fixed_number_of_queries(apps: Apps, token: str) -> None:
    await apps.done("addDeviceData", token, **data())
    assert await apps.queries("addDeviceData", token, **data()) == 2, "the device, the user with the wallet"
    assert await apps.queries("addDeviceData", "0", **data()) == 1
    assert await apps.queries("registerDevice", key="k") == 1


# ── registerDevice ──


@pytest.mark.parametrize("app", APPS)
async def test_the_same_key_is_the_same_device(apps: Apps, app: Client) -> None:
    first = (await apps.done("registerDevice", app=app, key="9774d56d682e549c"))["Device"]
    again = (await apps.done("registerDevice", app=app, key=" 9774d56d682e549c", device_token=PHONE))["Device"]
    other = (await apps.done("registerDevice", app=app, key="9774d56d682e549d", device_type="android"))["Device"]
    assert again == first
    assert first["id"] != other["id"]
    assert first["key"] == "9774d56d682e549c"
    assert [(row["key"], row["token"], row["app"]) for row in await rows(apps)] == [
        ("9774d56d682e549c", None, app.value),
        ("9774d56d682e549d", None, app.value),
    ]


async def test_the_first_calls_of_a_key_may_come_at_once(apps: Apps) -> None:
    answers = await asyncio.gather(*(apps.done("registerDevice", key="k") for _ in range(8)))
    assert len({answer["Device"]["id"] for answer in answers}) == 1
    ids = [(await apps.done("registerDevice", key="k"))["Device"]["id"] for _ in range(5)]
    later = (await apps.done("registerDevice", key="another"))["Device"]["id"]
    assert later - ids[0] <= 8, "a call of a known device uses up no id"


async def test_a_key_that_is_none_is_refused(apps: Apps) -> None:
    keys: list[Any] = ["", None, "   ", "x" * 256, [], {"a": 1}]
    for key in keys:
        answer = await apps.call("registerDevice", key=key)
        assert (answer["code"], answer["msg"].startswith("key ")) == (400, True), answer
    assert await rows(apps) == []


async def test_devices_that_are_gone_are_deleted(apps: Apps, token: str) -> None:
    await apps.done("addDeviceData", token, **data())
    await apps.done("registerDevice", key="old")
    await apps.database.execute("update device set seen_at = $1 where key = 'old'", long_ago(271))
    await apps.database.execute("update device set seen_at = $1 where token = $2", long_ago(269), PHONE)
    await delete_old_devices.bind(apps.database).run(b"{}")
    assert [row["token"] for row in await rows(apps)] == [PHONE]


def long_ago(days: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
