"""blockUser and showBlockedUsers, as each app calls them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.contract.client import Client
from api.contract.paging import PAGE_SIZE
from api.sections.social import blocks
from api.sections.users import profile
from control_plane.base.ids import UserId
from tests.api.sections.calling import APPS, Calls, calling
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow

TOGETHER = 64


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, blocks.section, profile.section) as calls:
        yield calls


@pytest.fixture
async def ben(calls: Calls) -> UserId:
    """A user with values in all columns that others may read."""
    ben = await new_user(calls.database, "ben")
    await calls.database.execute(
        "update app_user set first_name = 'Ben', last_name = 'B.', bio = 'bio', website = 'http://b.example', gender = 'Male',"
        " dob = '2000-01-01', email = 'b@example.com', phone = '+4915112345678', profile_pic = 'pictures/b.jpg',"
        " country = 'DE', city = 'Bonn', verified = true, private = true where id = $1",
        ben,
    )
    return ben


@pytest.mark.parametrize("app", APPS)
async def test_the_call_toggles_and_tells_by_its_code(
    calls: Calls, token: str, ann: UserId, ben: UserId, app: Client
) -> None:
    body = {"user_id": str(ann), "block_user_id": str(ben)}
    for _ in range(2):
        msg = await calls.done("blockUser", body, token=token, app=app)
        assert (msg["BlockUser"]["user_id"], msg["BlockUser"]["block_user_id"]) == (ann, ben)
        user = msg["BlockedUser"]
        assert (user["id"], user["first_name"], user["button"], user["block"]) == (ben, "Ben", "Follow", 1)
        assert user["BlockUser"] == msg["BlockUser"]
        assert (user["bio"], user["profile_pic"], user["dob"], user["email"]) == ("", "", "", ""), "only the name"
        assert await calls.done("showBlockedUsers", {"user_id": str(ann)}, token=token, app=app) == [msg]
        answer = await calls.call("blockUser", body, token=token, app=app)
        assert (answer["code"], answer["msg"]) == (201, "deleted")
        assert await calls.done("showBlockedUsers", {"starting_point": "0"}, token=token, app=app) == []


async def test_a_wanted_state_is_set_however_often_it_is_sent(calls: Calls, token: str, ben: UserId) -> None:
    for wanted, code in ((1, 200), ("1", 200), (0, 201), ("0", 201), (1, 200)):
        answer = await calls.call("blockUser", {"block_user_id": ben, "block": wanted}, token=token)
        assert answer["code"] == code


async def test_calls_that_overlap_are_one(calls: Calls, token: str, ben: UserId) -> None:
    body = {"block_user_id": ben}
    answers = await asyncio.gather(*(calls.call("blockUser", body, token=token) for _ in range(TOGETHER)))
    assert [answer["code"] for answer in answers] == [200] * TOGETHER
    assert await calls.database.fetchval("select count(*) from block") == 1
    assert (await calls.call("blockUser", body, token=token))["code"] == 201


async def test_who_cannot_be_blocked(calls: Calls, token: str, ann: UserId, ben: UserId) -> None:
    async def refusal(user_id: UserId) -> str:
        answer = await calls.call("blockUser", {"block_user_id": user_id}, token=token)
        assert answer["code"] == 201
        text: str = answer["msg"]
        return text

    assert await refusal(ann) == "You cannot block yourself."
    hidden, gone, banned = [await new_user(calls.database) for _ in range(3)]
    await block(calls.database, hidden, ann)
    await delete(calls.database, gone)
    await ban(calls.database, banned)
    for user_id in (hidden, gone, banned, UserId(987_654)):
        assert await refusal(user_id) == "There is no such user."
    assert (await calls.call("blockUser", {}, token=token))["code"] == 400


async def test_a_user_who_blocks_in_turn_or_is_banned_can_be_unblocked(calls: Calls, token: str, ben: UserId) -> None:
    (ann,) = [row["id"] for row in await calls.database.fetch("select id from app_user where id <> $1", ben)]
    await block(calls.database, ann, ben)
    await block(calls.database, ben, ann)
    assert len(await calls.done("showBlockedUsers", {}, token=token)) == 1, (
        "a missing one would tell of the other block"
    )
    await ban(calls.database, ben)
    assert await calls.done("showBlockedUsers", {}, token=token) == []
    answer = await calls.call("blockUser", {"block_user_id": ben}, token=token)
    assert answer["msg"] == "deleted"
    assert await calls.database.fetchval("select count(*) from block") == 1, "the other block stays"


async def test_the_list_has_pages_without_gaps_the_newest_block_first(calls: Calls, token: str, ann: UserId) -> None:
    blocked = [await new_user(calls.database) for _ in range(2 * PAGE_SIZE + 4)]
    for user_id in blocked:
        await block(calls.database, ann, user_id)
    await ban(calls.database, blocked[-1])
    await delete(calls.database, blocked[-3])
    shown = [user_id for user_id in reversed(blocked) if user_id not in (blocked[-1], blocked[-3])]
    pages = [await calls.done("showBlockedUsers", {"starting_point": str(page)}, token=token) for page in range(4)]
    assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 2, 0]
    assert [entry["BlockedUser"]["id"] for page in pages for entry in page] == shown


async def test_the_number_of_queries_does_not_grow_with_the_list(calls: Calls, token: str, ann: UserId) -> None:
    await block(calls.database, ann, await new_user(calls.database))
    await calls.done("showBlockedUsers", {}, token=token)
    few = await calls.queries("showBlockedUsers", {}, token=token)
    for _ in range(PAGE_SIZE):
        await block(calls.database, ann, await new_user(calls.database))
    assert await calls.queries("showBlockedUsers", {}, token=token) == few == 2


async def test_blocks_are_private(calls: Calls, ann: UserId, token: str, dsn: str, tmp_path: Path) -> None:
    """Nobody else lists or ends them: not a guest, not another user, not a caller who is only named."""
    ben = await new_user(calls.database, "ben")
    await block(calls.database, ann, ben)
    other = await calls.token(ben)
    for name, body in (("showBlockedUsers", {}), ("blockUser", {"block_user_id": str(ben)})):
        assert (await calls.call(name, body, token="0"))["code"] == 501
        assert (await calls.call(name, {"user_id": str(ann), **body}, token=other))["code"] == 201
    production = {"dev": False, "body_identity": True}
    async with calling(dsn, tmp_path / "other", blocks.section, **production) as old:
        for name, body in (("showBlockedUsers", {}), ("blockUser", {"block_user_id": str(ben)})):
            assert (await old.call(name, {"user_id": str(ann), **body}))["code"] == 501
    assert await calls.database.fetchval("select count(*) from block") == 1


async def test_after_a_block_the_profile_is_a_name_to_one_and_unknown_to_the_other(
    calls: Calls, token: str, ann: UserId, ben: UserId
) -> None:
    await follow(calls.database, ann, ben)
    await follow(calls.database, ben, ann)
    await calls.done("blockUser", {"block_user_id": ben}, token=token)
    user = (await calls.done("showUserDetail", {"other_user_id": ben}, token=token))["User"]
    assert (user["first_name"], user["bio"], user["block"], user["button"]) == ("Ben", "", 1, "Follow")
    answer = await calls.call("showUserDetail", {"other_user_id": ann}, token=await calls.token(ben))
    assert (answer["code"], answer["msg"]) == (201, "There is no such user.")
    await calls.call("blockUser", {"block_user_id": ben}, token=token)
    user = (await calls.done("showUserDetail", {"other_user_id": ben}, token=token))["User"]
    assert (user["bio"], user["block"], user["button"], user["followers_count"]) == ("bio", 0, "Follow", 0)
