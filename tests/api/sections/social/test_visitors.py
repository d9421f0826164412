"""showProfileVisitors, as each app calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.contract.paging import PAGE_SIZE
from control_plane.base.ids import UserId
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private


async def visitor(apps: Apps, ann: UserId, name: str = "ben") -> UserId:
    """A user who has just looked at Ann's profile."""
    user_id = await new_user(apps.database, name)
    await apps.database.execute("update app_user set profile_view = true where id = $1", user_id)
    await look(apps, user_id, ann)
    return user_id


async def look(apps: Apps, visitor_id: UserId, user_id: UserId) -> None:
    await apps.call("showUserDetail", await apps.token(visitor_id), other_user_id=str(user_id))


async def unseen(apps: Apps, token: str) -> int:
    count: int = (await apps.done("showUserDetail", token))["User"]["profile_visit_count"]
    return count


def of(entries: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Visitor and read of each entry."""
    return [(entry["ProfileVisit"]["visitor_id"], entry["ProfileVisit"]["read"]) for entry in entries]


@pytest.mark.parametrize("app", APPS)
async def test_opening_the_list_marks_the_visits_as_seen(apps: Apps, token: str, ann: UserId, app: Client) -> None:
    ben = await visitor(apps, ann)
    carla = await visitor(apps, ann, "carla")
    await follow(apps.database, ann, carla)
    body = {"user_id": str(ann), "other_user_id": str(ann), "starting_point": "0"}
    assert await unseen(apps, token) == 2
    shown = await apps.done("showProfileVisitors", token, app, **body)
    assert of(shown) == [(carla, 0), (ben, 0)]
    for entry in shown:
        owner, visit = entry["User"], entry["ProfileVisit"]
        assert (owner["id"], visit["user_id"], owner["profile_visit_count"], owner["button"]) == (ann, ann, 0, "")
        assert owner["auth_token"] == ""
        assert entry["Visitor"]["id"] == visit["visitor_id"]
    assert [entry["Visitor"]["button"] for entry in shown] == ["Following", "Follow"]
    assert await unseen(apps, token) == 0
    await look(apps, ben, ann)
    assert await unseen(apps, token) == 1
    assert of(await apps.done("showProfileVisitors", token, app, **body)) == [(ben, 0), (carla, 1)]


async def test_a_later_page_marks_nothing(apps: Apps, token: str, ann: UserId) -> None:
    for _ in range(PAGE_SIZE + 1):
        await visitor(apps, ann)
    (last,) = await apps.done("showProfileVisitors", token, starting_point="1")
    assert last["ProfileVisit"]["read"] == 0
    assert await unseen(apps, token) == PAGE_SIZE + 1
    assert len(await apps.done("showProfileVisitors", token, starting_point="0")) == PAGE_SIZE
    assert await unseen(apps, token) == 0
    assert await apps.done("showProfileVisitors", token, starting_point="2") == []


async def test_who_is_not_shown(apps: Apps, token: str, ann: UserId) -> None:
    """Pages have no gaps: visitors who are hidden do not count."""
    shown = await visitor(apps, ann)
    await make_private(apps.database, shown)
    hidden = [await visitor(apps, ann) for _ in range(3 * PAGE_SIZE)]
    for number, user_id in enumerate(hidden):
        if number % 3 == 0:
            await ban(apps.database, user_id)
        elif number % 3 == 1:
            await delete(apps.database, user_id)
        else:
            await apps.database.execute("update app_user set profile_view = false where id = $1", user_id)
    assert of(await apps.done("showProfileVisitors", token, starting_point="0")) == [(shown, 0)]
    assert await unseen(apps, token) == 0, "a badge for visits that cannot be seen would stay"


async def test_who_switched_it_off_leaves_no_visit(apps: Apps, token: str, ann: UserId) -> None:
    await look(apps, await new_user(apps.database), ann)
    assert await apps.done("showProfileVisitors", token, starting_point="0") == []


async def test_a_block_takes_visits_away_and_blocked_users_leave_none(apps: Apps, token: str, ann: UserId) -> None:
    blocked, blocking = await visitor(apps, ann), await visitor(apps, ann)
    await apps.done("blockUser", token, block_user_id=blocked)
    await apps.done("blockUser", await apps.token(blocking), block_user_id=ann)
    assert await unseen(apps, token) == 0
    for user_id in (blocked, blocking):
        await look(apps, user_id, ann)
        await look(apps, ann, user_id)
    assert await apps.database.fetchval("select count(*) from profile_visit") == 0
    await visitor(apps, ann)
    late = await visitor(apps, ann)
    await block(apps.database, late, ann)  # a visit that was recorded while the block was made
    assert len(await apps.done("showProfileVisitors", token, starting_point="0")) == 1


async def test_the_number_of_queries_does_not_grow_with_the_list(apps: Apps, token: str, ann: UserId) -> None:
    await visitor(apps, ann)
    await apps.done("showProfileVisitors", token)
    few = await apps.queries("showProfileVisitors", token)
    for _ in range(PAGE_SIZE):
        await visitor(apps, ann)
    assert await apps.queries("showProfileVisitors", token) == few == 4


async def test_visits_are_private(apps: Apps, token: str, ann: UserId, dsn: str, tmp_path: Path) -> None:
    ben = await visitor(apps, ann)
    assert (await apps.call("showProfileVisitors", "0"))["code"] == 401
    theirs = await apps.done("showProfileVisitors", await apps.token(ben), other_user_id=str(ann))
    assert theirs == [], "the own visitors, whatever other_user_id says"
    assert await unseen(apps, token) == 1
    async with apps_of(dsn, apps.database, tmp_path / "other", dev=False, body_identity=True) as old:
        assert (await old.call("showProfileVisitors", user_id=str(ann)))["code"] == 401
