"""Sliders, interests and the licence text, as each app calls them."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Any

from PIL import Image

from api.contract.client import Client
from api.sections.misc import interests, license, sliders
from control_plane.base.ids import UserId
from control_plane.content import store
from control_plane.content.model import pictures
from tests.api.sections.apps import APPS, Apps
from tests.api.sections.posting import posted
from tests.control_plane.people import new_user

TOGETHER = (sliders.section, interests.section, license.section)


async def chosen(apps: Apps, user_id: UserId) -> list[int]:
    rows = await apps.database.fetch("select interest_id from user_interest where user_id = $1 order by 1", user_id)
    return [row["interest_id"] for row in rows]


# ── what all apps show ──


async def test_a_new_server_has_sliders_with_its_own_pictures(apps: Apps) -> None:
    for app in APPS:
        shown = [entry["AppSlider"] for entry in await apps.done("showAppSlider", app=app)]
        assert [slider["id"] for slider in shown] == ["1", "2", "3"]
        base = f"{apps.platform.urls.base}/static/sliders/"
        assert sorted(slider["image"].removeprefix(base) for slider in shown) == sorted(pictures())
        assert [slider["url"] for slider in shown] == ["", "", ""]


def test_the_pictures_of_sliders_are_small_and_of_one_shape() -> None:
    for name in pictures():
        file = files("control_plane.content").joinpath("artwork", name)
        with file.open("rb") as content, Image.open(content) as picture:
            assert (picture.format, picture.size) == ("PNG", (1200, 600))
        assert len(file.read_bytes()) < 250_000


async def test_interests_are_shown_by_section(apps: Apps) -> None:
    for app in APPS:
        sections = await apps.done("showInterestSection", app=app, auth_token="")
        assert [each["InterestSection"]["title"] for each in sections][:2] == ["Entertainment", "Music"]
        for each in sections:
            assert len(each["Interest"]) >= 6
            assert {one["interest_section_id"] for one in each["Interest"]} == {each["InterestSection"]["id"]}


async def test_the_licence_is_a_text_also_for_a_call_without_a_body(apps: Apps) -> None:
    for app in APPS:
        for answer in (await posted(apps.http, "showLicense", app), await apps.call("showLicense", app=app)):
            assert "MIT licence" in answer["msg"]


async def test_no_row_at_all_is_an_empty_answer(apps: Apps) -> None:
    await apps.database.execute("delete from app_slider; delete from interest_section; delete from licence")
    assert await apps.done("showAppSlider") == []
    assert await apps.done("showInterestSection") == []
    assert await apps.done("showLicense") == ""


async def test_a_section_without_interests_and_a_slider_from_elsewhere_are_shown(apps: Apps) -> None:
    await apps.database.execute("delete from interest; delete from app_slider")
    async with apps.database.transaction() as connection:
        await store.add_slider(connection, "https://cdn.example.com/a.jpg", "https://example.com/news", None)
    assert {len(each["Interest"]) for each in await apps.done("showInterestSection")} == {0}
    (entry,) = await apps.done("showAppSlider")
    assert (entry["AppSlider"]["image"], entry["AppSlider"]["url"]) == (
        "https://cdn.example.com/a.jpg",
        "https://example.com/news",
    )


async def test_content_is_read_once_for_all_callers(apps: Apps) -> None:
    for name in ("showAppSlider", "showInterestSection", "showLicense"):
        first = await apps.done(name)
        for app in APPS:
            for session in ("", "0", "long.gone.token"):
                assert await apps.queries(name, session, app=app, user_id="0") == 0
        assert await apps.done(name) == first


# ── addUserInterest ──


async def test_interests_replace_those_that_the_user_had(apps: Apps, token: str, ann: UserId) -> None:
    spellings: list[list[Any]] = [[3, 1], ["1", "3"], [{"id": 1}, {"interest_id": "3"}], [1, 3, "1"]]
    for app, sent in zip(APPS, spellings, strict=True):
        await apps.done("addUserInterest", token, interests=[1, 2, 5])
        await apps.done("addUserInterest", token, app=app, user_id=str(ann), interests=sent)
        assert await chosen(apps, ann) == [1, 3]


async def test_an_empty_list_removes_all(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addUserInterest", token, interests=[1, 2])
    await apps.done("addUserInterest", token, interests=[])
    assert await chosen(apps, ann) == []


async def test_an_unknown_interest_is_refused_and_changes_nothing(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addUserInterest", token, interests=[4, 5])
    for sent in ([1, 99999], [2**31 - 1], [1, 2, 3, 12345]):
        answer = await apps.call("addUserInterest", token, interests=sent)
        assert answer == {"code": 201, "msg": "One of these interests does not exist any more. Please choose again."}
    assert await chosen(apps, ann) == [4, 5]


MALFORMED: list[Any] = [
    *(None, "", "1,2", 7, {"a": 1}, ["x"], [None], [[]], [1.5], [True], [0], [-1], [2**31], [""], [1] * 201)
]


async def test_what_is_no_list_of_ids_is_malformed(apps: Apps, token: str, ann: UserId) -> None:
    for sent in MALFORMED:
        answer = await apps.call("addUserInterest", token, interests=sent)
        assert (answer["code"], answer["msg"].startswith("interests ")) == (400, True), (sent, answer)
    assert await chosen(apps, ann) == []


async def test_only_a_user_sets_interests_and_only_the_own_ones(apps: Apps, token: str, ann: UserId) -> None:
    ben = await new_user(apps.database, "ben")
    body: dict[str, Any] = {"interests": [1]}
    assert (await apps.call("addUserInterest", "0", app=Client.ANDROID, **body))["code"] == 501
    assert (await apps.call("addUserInterest", "0", app=Client.IOS, **body))["code"] == 401
    assert (await apps.call("addUserInterest", token, **body, user_id=str(ben)))["code"] == 201
    await apps.ban(ann)
    assert "have been blocked" in (await apps.call("addUserInterest", token, **body))["msg"]
    assert await chosen(apps, ann) == await chosen(apps, ben) == []


async def test_a_removed_interest_is_removed_from_users_too(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addUserInterest", token, interests=[1, 2])
    async with apps.database.transaction() as connection:
        await store.remove_interest(connection, 1)
    assert await chosen(apps, ann) == [2]


async def test_choosing_is_one_query_and_may_be_repeated_at_once(apps: Apps, token: str, ann: UserId) -> None:
    await apps.done("addUserInterest", token, interests=[9])
    assert await apps.queries("addUserInterest", token, interests=[1, 2, 3]) == 1
    await asyncio.gather(*(apps.done("addUserInterest", token, interests=[1, 2, 4]) for _ in range(8)))
    assert await chosen(apps, ann) == [1, 2, 4]
