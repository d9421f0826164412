"""showProfileVisitors, as each app calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.contract.paging import PAGE_SIZE
from api.sections.social import blocks, visits
from api.sections.users import profile
from control_plane.base.ids import UserId
from tests.api.sections.calling import APPS, Calls, calling
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, visits.section, profile.section, blocks.section) as calls:
        yield calls


async def visitor(calls: Calls, ann: UserId, name: str = "ben") -> UserId:
    """A user who has just looked at Ann's profile."""
    user_id = await new_user(calls.database, name)
    await calls.database.execute("update app_user set profile_view = true where id = $1", user_id)
    await look(calls, user_id, ann)
    return user_id


async def look(calls: Calls, visitor_id: UserId, user_id: UserId) -> None:
    await calls.call("showUserDetail", {"other_user_id": str(user_id)}, token=await calls.token(visitor_id))


async def unseen(calls: Calls, token: str) -> int:
    count: int = (await calls.done("showUserDetail", {}, token=token))["User"]["profile_visit_count"]
    return count


def of(entries: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Visitor and read of each entry."""
    return [(entry["ProfileVisit"]["visitor_id"], entry["ProfileVisit"]["read"]) for entry in entries]


@pytest.mark.parametrize("app", APPS)
async def test_opening_the_list_marks_the_visits_as_seen(calls: Calls, token: str, ann: UserId, app: Client) -> None:
    ben = await visitor(calls, ann)
    carla = await visitor(calls, ann, "carla")
    await follow(calls.database, ann, carla)
    body = {"user_id": str(ann), "other_user_id": str(ann), "starting_point": "0"}
    assert await unseen(calls, token) == 2
    shown = await calls.done("showProfileVisitors", body, token=token, app=app)
    assert of(shown) == [(carla, 0), (ben, 0)]
    for entry in shown:
        owner, visit = entry["User"], entry["ProfileVisit"]
        assert (owner["id"], visit["user_id"], owner["profile_visit_count"], owner["button"]) == (ann, ann, 0, "")
        assert owner["auth_token"] == ""
        assert entry["Visitor"]["id"] == visit["visitor_id"]
    assert [entry["Visitor"]["button"] for entry in shown] == ["Following", "Follow"]
    assert await unseen(calls, token) == 0
    await look(calls, ben, ann)
    assert await unseen(calls, token) == 1
    assert of(await calls.done("showProfileVisitors", body, token=token, app=app)) == [(ben, 0), (carla, 1)]


async def test_a_later_page_marks_nothing(calls: Calls, token: str, ann: UserId) -> None:
    for _ in range(PAGE_SIZE + 1):
        await visitor(calls, ann)
    (last,) = await calls.done("showProfileVisitors", {"starting_point": "1"}, token=token)
    assert last["ProfileVisit"]["read"] == 0
    assert await unseen(calls, token) == PAGE_SIZE + 1
    assert len(await calls.done("showProfileVisitors", {"starting_point": "0"}, token=token)) == PAGE_SIZE
    assert await unseen(calls, token) == 0
    assert await calls.done("showProfileVisitors", {"starting_point": "2"}, token=token) == []


async def test_who_is_not_shown(calls: Calls, token: str, ann: UserId) -> None:
    """Pages have no gaps: visitors who are hidden do not count."""
    shown = await visitor(calls, ann)
    await make_private(calls.database, shown)
    hidden = [await visitor(calls, ann) for _ in range(3 * PAGE_SIZE)]
    for number, user_id in enumerate(hidden):
        if number % 3 == 0:
            await ban(calls.database, user_id)
        elif number % 3 == 1:
            await delete(calls.database, user_id)
        else:
            await calls.database.execute("update app_user set profile_view = false where id = $1", user_id)
    assert of(await calls.done("showProfileVisitors", {"starting_point": "0"}, token=token)) == [(shown, 0)]
    assert await unseen(calls, token) == 0, "a badge for visits that cannot be seen would stay"


async def test_who_switched_it_off_leaves_no_visit(calls: Calls, token: str, ann: UserId) -> None:
    await look(calls, await new_user(calls.database), ann)
    assert await calls.done("showProfileVisitors", {"starting_point": "0"}, token=token) == []


async def test_a_block_takes_visits_away_and_blocked_users_leave_none(calls: Calls, token: str, ann: UserId) -> None:
    blocked, blocking = await visitor(calls, ann), await visitor(calls, ann)
    await calls.done("blockUser", {"block_user_id": blocked}, token=token)
    await calls.done("blockUser", {"block_user_id": ann}, token=await calls.token(blocking))
    assert await unseen(calls, token) == 0
    for user_id in (blocked, blocking):
        await look(calls, user_id, ann)
        await look(calls, ann, user_id)
    assert await calls.database.fetchval("select count(*) from profile_visit") == 0
    await visitor(calls, ann)
    late = await visitor(calls, ann)
    await block(calls.database, late, ann)  # a visit that was recorded while the block was made
    assert len(await calls.done("showProfileVisitors", {"starting_point": "0"}, token=token)) == 1


async def test_the_number_of_queries_does_not_grow_with_the_list(calls: Calls, token: str, ann: UserId) -> None:
    await visitor(calls, ann)
    await calls.done("showProfileVisitors", {}, token=token)
    few = await calls.queries("showProfileVisitors", {}, token=token)
    for _ in range(PAGE_SIZE):
        await visitor(calls, ann)
    assert await calls.queries("showProfileVisitors", {}, token=token) == few == 4


async def test_visits_are_private(calls: Calls, token: str, ann: UserId, dsn: str, tmp_path: Path) -> None:
    ben = await visitor(calls, ann)
    assert (await calls.call("showProfileVisitors", {}, token="0"))["code"] == 501
    theirs = await calls.done("showProfileVisitors", {"other_user_id": str(ann)}, token=await calls.token(ben))
    assert theirs == [], "the own visitors, whatever other_user_id says"
    assert await unseen(calls, token) == 1
    async with calling(dsn, tmp_path / "other", visits.section, dev=False, body_identity=True) as old:
        assert (await old.call("showProfileVisitors", {"user_id": str(ann)}))["code"] == 501
