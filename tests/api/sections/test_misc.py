"""Sliders, interests and the licence text, as each app calls them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.contract.client import Client
from api.sections.misc import interests, license, sliders
from control_plane.base.ids import UserId
from control_plane.content import store
from control_plane.content.model import pictures
from tests.api.sections.calling import APPS, Calls, calling
from tests.control_plane.people import new_user

TOGETHER = (sliders.section, interests.section, license.section)


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, *TOGETHER) as calls:
        yield calls


async def chosen(calls: Calls, user_id: UserId) -> list[int]:
    rows = await calls.database.fetch("select interest_id from user_interest where user_id = $1 order by 1", user_id)
    return [row["interest_id"] for row in rows]


# ── what all apps show ──


async def test_a_new_server_has_sliders_with_its_own_pictures(calls: Calls) -> None:
    for app in APPS:
        shown = [entry["AppSlider"] for entry in await calls.done("showAppSlider", {}, app=app)]
        assert [slider["id"] for slider in shown] == ["1", "2", "3"]
        base = f"{calls.platform.urls.base}/static/sliders/"
        assert sorted(slider["image"].removeprefix(base) for slider in shown) == sorted(pictures())
        assert [slider["url"] for slider in shown] == ["", "", ""]


def test_the_pictures_of_sliders_are_small_and_of_one_shape() -> None:
    for name in pictures():
        file = files("control_plane.content").joinpath("artwork", name)
        with file.open("rb") as content, Image.open(content) as picture:
            assert (picture.format, picture.size) == ("PNG", (1200, 600))
        assert len(file.read_bytes()) < 250_000


async def test_interests_are_shown_by_section(calls: Calls) -> None:
    for app in APPS:
        sections = await calls.done("showInterestSection", {"auth_token": ""}, app=app)
        assert [each["InterestSection"]["title"] for each in sections][:2] == ["Entertainment", "Music"]
        for each in sections:
            assert len(each["Interest"]) >= 6
            assert {one["interest_section_id"] for one in each["Interest"]} == {each["InterestSection"]["id"]}


async def test_the_licence_is_a_text_also_for_a_call_without_a_body(calls: Calls) -> None:
    for app in APPS:
        nothing: tuple[dict[str, Any] | None, ...] = (None, {})
        for body in nothing:
            assert "MIT licence" in await calls.done("showLicense", body, app=app)


async def test_no_row_at_all_is_an_empty_answer(calls: Calls) -> None:
    await calls.database.execute("delete from app_slider; delete from interest_section; delete from licence")
    assert await calls.done("showAppSlider") == []
    assert await calls.done("showInterestSection") == []
    assert await calls.done("showLicense") == ""


async def test_a_section_without_interests_and_a_slider_from_elsewhere_are_shown(calls: Calls) -> None:
    await calls.database.execute("delete from interest; delete from app_slider")
    async with calls.database.transaction() as connection:
        await store.add_slider(connection, "https://cdn.example.com/a.jpg", "https://example.com/news", None)
    assert {len(each["Interest"]) for each in await calls.done("showInterestSection")} == {0}
    (entry,) = await calls.done("showAppSlider")
    assert (entry["AppSlider"]["image"], entry["AppSlider"]["url"]) == (
        "https://cdn.example.com/a.jpg",
        "https://example.com/news",
    )


async def test_content_is_read_once_for_all_callers(calls: Calls) -> None:
    for name in ("showAppSlider", "showInterestSection", "showLicense"):
        first = await calls.done(name)
        for app in APPS:
            for session in ("", "0", "long.gone.token"):
                assert await calls.queries(name, {"user_id": "0"}, app=app, token=session) == 0
        assert await calls.done(name) == first


# ── addUserInterest ──


async def test_interests_replace_those_that_the_user_had(calls: Calls, token: str, ann: UserId) -> None:
    spellings: list[list[Any]] = [[3, 1], ["1", "3"], [{"id": 1}, {"interest_id": "3"}], [1, 3, "1"]]
    for app, sent in zip(APPS, spellings, strict=True):
        await calls.done("addUserInterest", {"interests": [1, 2, 5]}, token=token)
        await calls.done("addUserInterest", {"user_id": str(ann), "interests": sent}, token=token, app=app)
        assert await chosen(calls, ann) == [1, 3]


async def test_an_empty_list_removes_all(calls: Calls, token: str, ann: UserId) -> None:
    await calls.done("addUserInterest", {"interests": [1, 2]}, token=token)
    await calls.done("addUserInterest", {"interests": []}, token=token)
    assert await chosen(calls, ann) == []


async def test_an_unknown_interest_is_refused_and_changes_nothing(calls: Calls, token: str, ann: UserId) -> None:
    await calls.done("addUserInterest", {"interests": [4, 5]}, token=token)
    for sent in ([1, 99999], [2**31 - 1], [1, 2, 3, 12345]):
        answer = await calls.call("addUserInterest", {"interests": sent}, token=token)
        assert answer == {"code": 201, "msg": "One of these interests does not exist any more. Please choose again."}
    assert await chosen(calls, ann) == [4, 5]


MALFORMED: list[Any] = [
    *(None, "", "1,2", 7, {"a": 1}, ["x"], [None], [[]], [1.5], [True], [0], [-1], [2**31], [""], [1] * 201)
]


async def test_what_is_no_list_of_ids_is_malformed(calls: Calls, token: str, ann: UserId) -> None:
    for sent in MALFORMED:
        answer = await calls.call("addUserInterest", {"interests": sent}, token=token)
        assert (answer["code"], answer["msg"].startswith("interests ")) == (400, True), (sent, answer)
    assert await chosen(calls, ann) == []


async def test_only_a_user_sets_interests_and_only_the_own_ones(calls: Calls, token: str, ann: UserId) -> None:
    ben = await new_user(calls.database, "ben")
    body = {"interests": [1]}
    assert (await calls.call("addUserInterest", body, token="0"))["code"] == 501
    assert (await calls.call("addUserInterest", body, token="0", app=Client.IOS))["code"] == 401
    assert (await calls.call("addUserInterest", {**body, "user_id": str(ben)}, token=token))["code"] == 201
    await calls.ban(ann)
    assert "have been blocked" in (await calls.call("addUserInterest", body, token=token))["msg"]
    assert await chosen(calls, ann) == await chosen(calls, ben) == []


async def test_a_removed_interest_is_removed_from_users_too(calls: Calls, token: str, ann: UserId) -> None:
    await calls.done("addUserInterest", {"interests": [1, 2]}, token=token)
    async with calls.database.transaction() as connection:
        await store.remove_interest(connection, 1)
    assert await chosen(calls, ann) == [2]


async def test_choosing_is_one_query_and_may_be_repeated_at_once(calls: Calls, token: str, ann: UserId) -> None:
    await calls.done("addUserInterest", {"interests": [9]}, token=token)
    assert await calls.queries("addUserInterest", {"interests": [1, 2, 3]}, token=token) == 1
    await asyncio.gather(*(calls.done("addUserInterest", {"interests": [1, 2, 4]}, token=token) for _ in range(8)))
    assert await chosen(calls, ann) == [1, 2, 4]
