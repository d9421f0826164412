"""addPrivacySetting, updatePushNotificationSettings and showSettings, as each app calls them."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.wire.setting import app_settings
from control_plane.base.ids import UserId
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.api.sections.posting import posted
from tests.control_plane.people import new_user

NEW = {
    "videos_download": 1,
    "direct_message": "everyone",
    "duet": "everyone",
    "liked_videos": "everyone",
    "video_comment": "everyone",
    "order_history": 0,
    "found_by_contacts": 1,
}
ALL_ON: dict[str, Any] = dict.fromkeys(
    ("likes", "comments", "new_followers", "mentions", "direct_messages", "video_updates"), 1
)


# ── addPrivacySetting ──

AS_SENT: dict[Client, tuple[dict[str, Any], dict[str, Any]]] = {
    Client.IOS: (
        {"videos_download": None, "direct_message": "Friends", "duet": "No One", "liked_videos": "Only Me"},
        {"direct_message": "friends", "duet": "no_one", "liked_videos": "only_me"},
    ),
    Client.ANDROID: (
        {
            "videos_download": "0",
            "direct_message": "friend",
            "duet": "no_one",
            "liked_videos": "me",
            "video_comment": "",
        },
        {"videos_download": 0, "direct_message": "friends", "duet": "no_one", "liked_videos": "only_me"},
    ),
    Client.ANDROID_KT: (
        {"video_comment": "no_one", "liked_videos": "only_me", "order_history": "1"},
        {"video_comment": "no_one", "liked_videos": "only_me"},
    ),
    Client.DOCUMENT: (
        {"videos_download": 0, "direct_message": 1, "duet": 0, "liked_videos": "0", "video_comment": "1"},
        {"videos_download": 0, "duet": "no_one", "liked_videos": "only_me"},
    ),
}


@pytest.mark.parametrize("app", APPS)
async def test_each_apps_words_for_who_may_do_what_are_read(apps: Apps, token: str, ann: UserId, app: Client) -> None:
    sent, changed = AS_SENT[app]
    path = "/api/privacypolicy/" if app is Client.IOS else ""
    msg = await apps.done("addPrivacySetting", token, app=app, path=path, **sent, auth_token=token)
    expected = {**NEW, **changed, "id": ann}
    assert msg["PrivacySetting"] == expected
    assert msg["User"]["PrivacySetting"] == expected
    assert msg["User"]["auth_token"] == token, "an app stores what it gets"
    shown = await apps.done("showUserDetail", token)
    assert shown["PrivacySetting"] == expected


async def test_what_is_absent_empty_or_null_stays_as_it_is(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addPrivacySetting", token, duet="friends", videos_download=0)
    kept = {**NEW, "id": ann, "duet": "friends", "videos_download": 0}
    nothings: tuple[dict[str, Any], ...] = (
        {},
        {"duet": None, "videos_download": None},
        {"duet": "", "videos_download": ""},
    )
    for nothing in nothings:
        assert (await apps.done("addPrivacySetting", token, **nothing))["PrivacySetting"] == kept
    without_a_body = await posted(apps.http, "addPrivacySetting", Client.ANDROID, token)
    assert without_a_body["msg"]["PrivacySetting"] == kept


async def test_a_user_can_choose_not_to_be_found_by_contacts(apps: Apps, token: str) -> None:
    for sent, kept in (("0", 0), (None, 0), (1, 1)):
        msg = await apps.done("addPrivacySetting", token, found_by_contacts=sent)
        assert msg["PrivacySetting"]["found_by_contacts"] == kept


REFUSED: dict[str, tuple[Any, ...]] = {
    "duet": ("nobody", "only_me", 2, "true", [], {"a": 1}),
    "liked_videos": ("friends", 7),
    "videos_download": ("2", -1, "yes", 1.5, [], True),
    "found_by_contacts": ("maybe",),
}


async def test_another_word_is_refused_and_changes_nothing(apps: Apps, token: str, ann: UserId) -> None:
    for name, value in ((name, value) for name, values in REFUSED.items() for value in values):
        answer = await apps.call("addPrivacySetting", token, direct_message="no_one", **{name: value})
        assert (answer["code"], answer["msg"].startswith(f"{name} m")) == (400, True), (name, value, answer)
    assert (await apps.done("showUserDetail", token))["PrivacySetting"] == {**NEW, "id": ann}


async def test_the_words_that_are_accepted_are_named(apps: Apps, token: str) -> None:
    answer = await apps.call("addPrivacySetting", token, duet="nobody")
    assert answer["msg"] == "duet must be one of everyone, friends, no_one."


# ── updatePushNotificationSettings ──


async def test_push_switches_are_set_as_text_and_as_numbers(apps: Apps, token: str, ann: UserId) -> None:
    offs: tuple[Any, ...] = ("0", 0)
    for app, off in itertools.product(APPS, offs):
        body = {"user_id": str(ann), **ALL_ON, "likes": off, "mentions": off}
        msg = await apps.done("updatePushNotificationSettings", token, app=app, **body)
        expected = {**ALL_ON, "id": ann, "likes": 0, "mentions": 0}
        assert msg["PushNotification"] == expected
        assert msg["User"]["PushNotification"] == expected
        assert (await apps.done("showUserDetail", token))["PushNotification"] == expected
        await apps.done("updatePushNotificationSettings", token, **ALL_ON)


async def test_each_push_switch_is_needed_and_is_0_or_1(apps: Apps, token: str) -> None:
    for name in ALL_ON:
        missing: dict[str, Any] = {key: 0 for key in ALL_ON if key != name}
        answer = await apps.call("updatePushNotificationSettings", token, **missing)
        assert answer["msg"] == f"{name} is missing."
        wrong: tuple[Any, ...] = ("2", "on", [], True)
        for value in wrong:
            answer = await apps.call("updatePushNotificationSettings", token, **{**missing, name: value})
            assert (answer["code"], answer["msg"].startswith(name)) == (400, True), answer
    shown = await apps.done("showUserDetail", token)
    assert {shown["PushNotification"][key] for key in ALL_ON} == {1}


# ── who may ──


@pytest.mark.parametrize(
    ("name", "body"), [("addPrivacySetting", {"duet": 0}), ("updatePushNotificationSettings", ALL_ON)]
)
class TestWhoMayChangeSettings:
    async def test_a_guest_may_not(self, apps: Apps, name: str, body: dict[str, Any]) -> None:
        codes = {app: (await apps.call(name, "0", app=app, **body))["code"] for app in APPS}
        assert codes == {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}

    async def test_another_user_may_not(self, apps: Apps, token: str, name: str, body: dict[str, Any]) -> None:
        other = await new_user(apps.database)
        assert (await apps.call(name, token, **body, user_id=str(other)))["code"] == 201

    async def test_a_banned_user_may_not(
        self, apps: Apps, token: str, ann: UserId, name: str, body: dict[str, Any]
    ) -> None:
        await apps.ban(ann)
        assert "have been blocked" in (await apps.call(name, token, **body))["msg"]

    async def test_a_user_who_is_only_named_may_in_development_mode_alone(
        self, apps: Apps, ann: UserId, dsn: str, tmp_path: Path, name: str, body: dict[str, Any]
    ) -> None:
        named = {**body, "user_id": str(ann)}
        assert (await apps.call(name, **named))["code"] == 200
        folder = tmp_path / "production"
        folder.mkdir()
        async with apps_of(dsn, apps.database, folder, dev=False, body_identity=True) as production:
            assert (await production.call(name, app=Client.ANDROID, **named))["code"] == 501

    async def test_it_takes_a_fixed_number_of_queries(
        self, apps: Apps, token: str, name: str, body: dict[str, Any]
    ) -> None:
        await apps.done(name, token, **body)
        assert await apps.queries(name, token, **body) == 2, "the change, the user with the wallet"


# ── showSettings ──


async def test_the_worth_of_a_coin_is_in_the_form_that_each_app_computes_with(apps: Apps) -> None:
    for app in APPS:
        entries = await apps.done("showSettings", app=app)
        found = {entry["Setting"]["type"]: entry["Setting"]["value"] for entry in entries}
        assert found.pop("coin_worth") == ("200" if app is Client.ANDROID else "0.005")
        assert found == {"show_advert_after": "0", "referral_coin": "0"}


@pytest.mark.parametrize(
    ("price", "android", "others"),
    [("0.01", "100", "0.01"), ("0.003", "333.333333", "0.003"), ("1", "1", "1"), ("10", "0.1", "10"), ("0", "0", "0")],
)
def test_every_price_is_a_plain_number(price: str, android: str, others: str) -> None:
    worth = {app: app_settings(app, Decimal(price))[0].value for app in APPS}
    assert worth == {**dict.fromkeys(APPS, others), Client.ANDROID: android}


async def test_the_settings_of_the_apps_need_no_session_and_no_query(apps: Apps) -> None:
    sent: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, ""),
        ({}, "0"),
        ({"user_id": "0"}, "long.gone.token"),
        ({"user_id": ""}, ""),
    )
    for body, token in sent:
        assert await apps.queries("showSettings", token, **body) == 0
