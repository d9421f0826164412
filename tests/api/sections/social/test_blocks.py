"""blockUser and showBlockedUsers, as each app calls them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.contract.paging import PAGE_SIZE
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow
from tests.control_plane.videos.rows import ADD_VIDEO

TOGETHER = 64


@pytest.fixture
async def ben(apps: Apps) -> UserId:
    """A user with values in all columns that others may read."""
    ben = await new_user(apps.database, "ben")
    await apps.database.execute(
        "update app_user set first_name = 'Ben', last_name = 'B.', bio = 'bio', website = 'http://b.example', gender = 'Male',"
        " dob = '2000-01-01', email = 'b@example.com', phone = '+4915112345678', profile_pic = 'pictures/b.jpg',"
        " country = 'DE', city = 'Bonn', verified = true, private = true where id = $1",
        ben,
    )
    return ben


@pytest.mark.parametrize("app", APPS)
async def test_the_call_toggles_and_tells_by_its_code(
    apps: Apps, token: str, ann: UserId, ben: UserId, app: Client
) -> None:
    body = {"user_id": str(ann), "block_user_id": str(ben)}
    for _ in range(2):
        msg = await apps.done("blockUser", token, app, **body)
        assert (msg["BlockUser"]["user_id"], msg["BlockUser"]["block_user_id"]) == (ann, ben)
        user = msg["BlockedUser"]
        assert (user["id"], user["first_name"], user["button"], user["block"]) == (ben, "Ben", "Follow", 1)
        assert user["BlockUser"] == msg["BlockUser"]
        assert (user["bio"], user["profile_pic"], user["dob"], user["email"]) == ("", "", "", ""), "only the name"
        assert await apps.done("showBlockedUsers", token, app, user_id=str(ann)) == [msg]
        answer = await apps.call("blockUser", token, app, **body)
        assert (answer["code"], answer["msg"]) == (201, "deleted")
        assert await apps.done("showBlockedUsers", token, app, starting_point="0") == []


async def test_a_wanted_state_is_set_however_often_it_is_sent(apps: Apps, token: str, ben: UserId) -> None:
    for wanted, code in ((1, 200), ("1", 200), (0, 201), ("0", 201), (1, 200)):
        answer = await apps.call("blockUser", token, block_user_id=ben, block=wanted)
        assert answer["code"] == code


async def test_calls_that_overlap_are_one(apps: Apps, token: str, ben: UserId) -> None:
    answers = await asyncio.gather(*(apps.call("blockUser", token, block_user_id=ben) for _ in range(TOGETHER)))
    assert [answer["code"] for answer in answers] == [200] * TOGETHER
    assert await apps.database.fetchval("select count(*) from block") == 1
    assert (await apps.call("blockUser", token, block_user_id=ben))["code"] == 201


async def test_who_cannot_be_blocked(apps: Apps, token: str, ann: UserId, ben: UserId) -> None:
    async def refusal(user_id: UserId) -> str:
        answer = await apps.call("blockUser", token, block_user_id=user_id)
        assert answer["code"] == 201
        text: str = answer["msg"]
        return text

    assert await refusal(ann) == "You cannot block yourself."
    hidden, gone, banned = [await new_user(apps.database) for _ in range(3)]
    await block(apps.database, hidden, ann)
    await delete(apps.database, gone)
    await ban(apps.database, banned)
    for user_id in (hidden, gone, banned, UserId(987_654)):
        assert await refusal(user_id) == "There is no such user."
    assert (await apps.call("blockUser", token))["code"] == 400


async def test_a_user_who_blocks_in_turn_or_is_banned_can_be_unblocked(apps: Apps, token: str, ben: UserId) -> None:
    (ann,) = [row["id"] for row in await apps.database.fetch("select id from app_user where id <> $1", ben)]
    await block(apps.database, ann, ben)
    await block(apps.database, ben, ann)
    assert len(await apps.done("showBlockedUsers", token)) == 1, "a missing one would tell of the other block"
    await ban(apps.database, ben)
    assert await apps.done("showBlockedUsers", token) == []
    answer = await apps.call("blockUser", token, block_user_id=ben)
    assert answer["msg"] == "deleted"
    assert await apps.database.fetchval("select count(*) from block") == 1, "the other block stays"


async def test_the_list_has_pages_without_gaps_the_newest_block_first(apps: Apps, token: str, ann: UserId) -> None:
    blocked = [await new_user(apps.database) for _ in range(2 * PAGE_SIZE + 4)]
    for user_id in blocked:
        await block(apps.database, ann, user_id)
    await ban(apps.database, blocked[-1])
    await delete(apps.database, blocked[-3])
    shown = [user_id for user_id in reversed(blocked) if user_id not in (blocked[-1], blocked[-3])]
    pages = [await apps.done("showBlockedUsers", token, starting_point=str(page)) for page in range(4)]
    assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 2, 0]
    assert [entry["BlockedUser"]["id"] for page in pages for entry in page] == shown


async def test_the_number_of_queries_does_not_grow_with_the_list(apps: Apps, token: str, ann: UserId) -> None:
    await block(apps.database, ann, await new_user(apps.database))
    await apps.done("showBlockedUsers", token)
    few = await apps.queries("showBlockedUsers", token)
    for _ in range(PAGE_SIZE):
        await block(apps.database, ann, await new_user(apps.database))
    assert await apps.queries("showBlockedUsers", token) == few == 2


async def test_blocks_are_private(apps: Apps, ann: UserId, token: str, dsn: str, tmp_path: Path) -> None:
    """Nobody else lists or ends them: not a guest, not another user, not a caller who is only named."""
    ben = await new_user(apps.database, "ben")
    await block(apps.database, ann, ben)
    bens = await apps.token(ben)
    async with apps_of(dsn, apps.database, tmp_path / "other", dev=False, body_identity=True) as old:
        for name in ("showBlockedUsers", "blockUser"):
            assert (await apps.call(name, "0", block_user_id=str(ben)))["code"] == 401
            assert (await apps.call(name, bens, user_id=str(ann), block_user_id=str(ben)))["code"] == 201
            assert (await old.call(name, user_id=str(ann), block_user_id=str(ben)))["code"] == 401
    assert await apps.database.fetchval("select count(*) from block") == 1


async def test_a_caller_who_is_only_named_sees_no_relations_and_leaves_no_visit(
    apps: Apps, ann: UserId, dsn: str, tmp_path: Path
) -> None:
    """Else anyone could read whom a user blocks and follows, and who blocks the user."""
    blocked, host, followed = [await new_user(apps.database) for _ in range(3)]
    await block(apps.database, ann, blocked)
    await block(apps.database, host, ann)
    await follow(apps.database, ann, followed)
    await apps.database.execute("update app_user set profile_view = true")
    others = (blocked, host, followed)
    for user_id in others:
        await apps.database.execute(ADD_VIDEO, user_id)
    stream_id = await new_stream(apps.database, host, status="live", source_id="s", live_at=utc_now())
    async with apps_of(dsn, apps.database, tmp_path / "other", dev=False, body_identity=True) as old:
        named: dict[str, Any] = {"user_id": str(ann)}
        shown = [(await old.done("showUserDetail", **named, other_user_id=other))["User"] for other in others]
        shown += [entry["User"] for entry in await old.done("showRelatedVideos", **named)]
        assert (await old.call("watchLiveStream", **named, live_streaming_id=stream_id))["code"] == 401
    assert len(shown) == 6
    assert {(user["button"], user["block"]) for user in shown} == {("Follow", 0)}
    assert await apps.database.fetchval("select count(*) from profile_visit") == 0


async def test_after_a_block_the_profile_is_a_name_to_one_and_unknown_to_the_other(
    apps: Apps, token: str, ann: UserId, ben: UserId
) -> None:
    await follow(apps.database, ann, ben)
    await follow(apps.database, ben, ann)
    await apps.done("blockUser", token, block_user_id=ben)
    user = (await apps.done("showUserDetail", token, other_user_id=ben))["User"]
    assert (user["first_name"], user["bio"], user["block"], user["button"]) == ("Ben", "", 1, "Follow")
    answer = await apps.call("showUserDetail", await apps.token(ben), other_user_id=ann)
    assert (answer["code"], answer["msg"]) == (201, "There is no such user.")
    await apps.call("blockUser", token, block_user_id=ben)
    user = (await apps.done("showUserDetail", token, other_user_id=ben))["User"]
    assert (user["bio"], user["block"], user["button"], user["followers_count"]) == ("bio", 0, "Follow", 0)


async def test_a_caller_who_is_only_named_sees_what_guests_see(
    apps: Apps, ann: UserId, ben: UserId, dsn: str, tmp_path: Path
) -> None:
    carla = await new_user(apps.database)
    await block(apps.database, ann, ben)
    await follow(apps.database, ann, carla)
    await apps.database.execute("update app_user set profile_view = true")
    async with apps_of(dsn, apps.database, tmp_path / "other", dev=False, body_identity=True) as old:
        for user_id in (ben, carla):
            named = (await old.done("showUserDetail", user_id=str(ann), other_user_id=str(user_id)))["User"]
            guest = (await old.done("showUserDetail", other_user_id=str(user_id)))["User"]
            assert named == guest
            assert (named["button"], named["block"]) == ("Follow", 0)
    assert await apps.database.fetchval("select count(*) from profile_visit") == 0
