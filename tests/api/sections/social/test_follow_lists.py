"""showFollowers, showFollowing, showFriends, searchFollowingOrFollowUsers and showSuggestedUsers, as each app calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from api.contract.client import Client
from api.sections.social.suggestions import VIDEOS
from control_plane.accounts import store
from control_plane.accounts.user import NewUser
from control_plane.base.ids import UserId
from control_plane.social.popular import rank_popular_users
from tests.api.sections.calling import APPS, Calls
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private

BOTH = pytest.mark.parametrize(("name", "key"), [("showFollowers", "FollowerList"), ("showFollowing", "FollowingList")])


async def connect(calls: Calls, name: str, owner: UserId, other: UserId) -> None:
    """The other user is on the owner's list."""
    pair = (other, owner) if name == "showFollowers" else (owner, other)
    await follow(calls.database, *pair)


def of(answer: Sequence[dict[str, Any]], key: str = "User") -> list[UserId]:
    return [entry[key]["id"] for entry in answer]


async def named(calls: Calls, username: str, first_name: str = "", last_name: str = "") -> UserId:
    async with calls.database.transaction() as connection:
        return await store.create(
            connection, NewUser(username=username, first_name=first_name, last_name=last_name), []
        )


# ── showFollowers, showFollowing ──


@BOTH
@pytest.mark.parametrize("app", APPS)
async def test_the_same_person_is_under_both_keys_the_newest_first(
    calls: Calls, ann: UserId, token: str, ben: UserId, name: str, key: str, app: Client
) -> None:
    others = [await new_user(calls.database) for _ in range(12)]
    for other in others:
        await connect(calls, name, ben, other)
    await follow(calls.database, ann, others[-1])
    await follow(calls.database, others[-2], ann)
    body = {"user_id": str(ann), "other_user_id": str(ben), "starting_point": "0"}
    first = await calls.done(name, body, token=token, app=app)
    assert of(first) == of(first, key) == others[:1:-1]
    assert [entry["User"] for entry in first] == [entry[key] for entry in first]
    assert [entry["User"]["button"] for entry in first[:3]] == ["Following", "Follow Back", "Follow"]
    second = await calls.done(name, {**body, "starting_point": 1}, token=token, app=app)
    assert of(second) == others[1::-1]
    for page in (2, 499, 500, 10**5):
        assert await calls.done(name, {**body, "starting_point": page}, token=token, app=app) == []


@BOTH
async def test_whose_list_is_shown(calls: Calls, ann: UserId, token: str, ben: UserId, name: str, key: str) -> None:
    cid, dan = await new_user(calls.database), await new_user(calls.database)
    await connect(calls, name, ann, cid)
    await connect(calls, name, ben, dan)
    for body in ({}, {"user_id": ann}, {"user_id": ann, "other_user_id": ""}, {"other_user_id": "0"}):
        assert of(await calls.done(name, body, token=token)) == [cid], body
    assert of(await calls.done(name, {"user_id": ann, "other_user_id": ben}, token=token)) == [dan]
    for body in ({"user_id": "0", "other_user_id": ben}, {"user_id": "", "other_user_id": str(ben)}):
        assert of(await calls.done(name, body)) == [dan], "a guest"
    assert (await calls.call(name, {}))["code"] == 201
    assert (await calls.call(name, {"user_id": ben}, token=token))["code"] == 201, "not the caller"
    assert (await calls.call(name, {"other_user_id": "x"}, token=token))["code"] == 400
    assert (await calls.call(name, {"other_user_id": 2_000_000_000}, token=token))["code"] == 201


@BOTH
@pytest.mark.parametrize("app", APPS)
async def test_a_private_list_is_for_followers_and_the_owner(
    calls: Calls, ann: UserId, token: str, ben: UserId, bens: str, name: str, key: str, app: Client
) -> None:
    cid = await new_user(calls.database)
    await connect(calls, name, ben, cid)
    await make_private(calls.database, ben)
    body = {"other_user_id": ben}
    for session in (token, ""):
        answer = await calls.call(name, body, token=session, app=app)
        assert (answer["code"], answer["msg"]) == (201, "This account is private. Follow it to see this list.")
    assert of(await calls.done(name, {"user_id": ben}, token=bens, app=app)) == [cid]
    await follow(calls.database, ann, ben)
    assert cid in of(await calls.done(name, body, token=token, app=app))


@BOTH
async def test_the_lists_of_hidden_users_are_hidden(calls: Calls, ann: UserId, token: str, name: str, key: str) -> None:
    banned, deleted, blocked, blocker = [await new_user(calls.database) for _ in range(4)]
    await ban(calls.database, banned)
    await delete(calls.database, deleted)
    await block(calls.database, ann, blocked)
    await block(calls.database, blocker, ann)
    for hidden in (banned, deleted, blocked, blocker):
        answer = await calls.call(name, {"other_user_id": hidden}, token=token)
        assert (answer["code"], answer["msg"]) == (201, "There is no such user.")


@BOTH
async def test_hidden_users_are_on_no_list(
    calls: Calls, ann: UserId, token: str, ben: UserId, name: str, key: str
) -> None:
    banned, deleted, blocked, blocker, private = [await new_user(calls.database) for _ in range(5)]
    for other in (banned, deleted, blocked, blocker, private, ann):
        await connect(calls, name, ben, other)
    await ban(calls.database, banned)
    await delete(calls.database, deleted)
    await block(calls.database, ann, blocked)
    await block(calls.database, blocker, ann)
    await make_private(calls.database, private)
    answer = await calls.done(name, {"other_user_id": ben}, token=token)
    assert of(answer) == [ann, private]
    assert answer[0]["User"]["button"] == "", "the caller's own entry"
    assert of(await calls.done(name, {"other_user_id": ben})) == [ann, private, blocker, blocked], "a guest"


@BOTH
async def test_the_number_of_queries_of_a_list_is_fixed(
    calls: Calls, token: str, ben: UserId, name: str, key: str
) -> None:
    body = {"other_user_id": ben}
    await calls.done(name, body, token=token)
    for _ in range(10):
        await connect(calls, name, ben, await new_user(calls.database))
    assert await calls.queries(name, body, token=token) == 3


# ── showFriends ──


@pytest.mark.parametrize("app", [Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT])
async def test_friends_follow_each_other(calls: Calls, ann: UserId, token: str, app: Client) -> None:
    friend, other, banned, followed, follower = [await new_user(calls.database) for _ in range(5)]
    for one in (friend, other, banned, followed):
        await follow(calls.database, ann, one)
    for one in (friend, other, banned, follower):
        await follow(calls.database, one, ann)
    await ban(calls.database, banned)
    body = {"user_id": str(ann), "starting_point": "0"}
    answer = await calls.done("showFriends", body, token=token, app=app)
    assert of(answer, "Friends") == [other, friend]
    assert {entry["Friends"]["button"] for entry in answer} == {"Friends"}
    assert await calls.done("showFriends", {**body, "starting_point": "1"}, token=token, app=app) == []
    assert await calls.queries("showFriends", body, token=token) == 2
    assert (await calls.call("showFriends", {"starting_point": 0}, app=app))["code"] in (401, 501)
    assert (await calls.call("showFriends", {"user_id": friend}, token=token, app=app))["code"] == 201


# ── searchFollowingOrFollowUsers ──


@pytest.mark.parametrize("app", [Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT])
async def test_a_search_finds_followers_and_followed_users_by_name(
    calls: Calls, ann: UserId, token: str, app: Client
) -> None:
    zoe = await named(calls, "zoe.k", "Zoë", "Ångström")
    kim = await named(calls, "kim_zoe", "Kim", "Wexler")
    stranger = await named(calls, "zoe.s")
    ivan = await named(calls, "ivan", "Иван", "50%_off")
    for one in (zoe, ivan):
        await follow(calls.database, ann, one)
    await follow(calls.database, kim, ann)

    async def found(keyword: Any) -> list[UserId]:
        body = {"user_id": str(ann), "keyword": keyword, "starting_point": "0"}
        return of(await calls.done("searchFollowingOrFollowUsers", body, token=token, app=app))

    for keyword in ("zoe", "@zoe", " ZOE "):
        assert await found(keyword) == [zoe, kim], "names that begin with it come first"
    assert await found("zoe.k") == [zoe]
    assert await found("wexler") == await found("Kim W") == [kim]
    assert await found("ангс") == []
    assert await found("иван") == await found("ИВАН") == [ivan]
    assert await found("50%_") == [ivan]
    assert await found("z%e") == await found("z_e") == await found("\\") == []
    for keyword in ("", " ", "@"):
        assert await found(keyword) == []
    await block(calls.database, kim, ann)
    assert await found("zoe") == [zoe]
    await ban(calls.database, zoe)
    assert await found("zoe") == []
    assert stranger


async def test_a_search_is_paged_and_only_for_the_caller(calls: Calls, ann: UserId, token: str, ben: UserId) -> None:
    fans = [await named(calls, f"fan{number:02}") for number in range(12)]
    for fan in fans:
        await follow(calls.database, fan, ann)
    body = {"user_id": ann, "keyword": "fan", "starting_point": 0}
    assert of(await calls.done("searchFollowingOrFollowUsers", body, token=token)) == fans[:10]
    assert of(await calls.done("searchFollowingOrFollowUsers", {**body, "starting_point": 1}, token=token)) == fans[10:]
    assert await calls.queries("searchFollowingOrFollowUsers", body, token=token) == 2
    assert (await calls.call("searchFollowingOrFollowUsers", {"keyword": "fan"}))["code"] == 501
    assert (await calls.call("searchFollowingOrFollowUsers", {**body, "user_id": ben}, token=token))["code"] == 201
    assert (await calls.call("searchFollowingOrFollowUsers", {"user_id": ann}, token=token))["code"] == 400
    long = {**body, "keyword": "x" * 2001}
    assert (await calls.call("searchFollowingOrFollowUsers", long, token=token))["code"] == 400


# ── showSuggestedUsers ──


async def film(calls: Calls, user_id: UserId, videos: int, privacy: str = "public") -> None:
    await calls.database.execute(
        "insert into video (user_id, media, duration_ms, width, height, privacy)"
        " select $1, 'a.mp4', 1, 1, 1, $3 from generate_series(1, $2::integer)",
        user_id,
        videos,
        privacy,
    )


async def suggested(calls: Calls, token: str = "", **how: Any) -> list[UserId]:
    return of(await calls.done("showSuggestedUsers", {"starting_point": "0"}, token=token, **how))


@pytest.mark.parametrize("app", APPS)
async def test_friends_of_friends_come_before_shared_interests_and_popular_users(
    calls: Calls, ann: UserId, token: str, ben: UserId, app: Client
) -> None:
    near, nearer, alike, popular, cid, *fans = [await new_user(calls.database) for _ in range(10)]
    await follow(calls.database, ann, ben)
    await follow(calls.database, ann, cid)
    for friend in (ben, cid):
        await follow(calls.database, friend, nearer)
    await follow(calls.database, ben, near)
    for fan in fans:
        await follow(calls.database, fan, popular)
        await follow(calls.database, fan, ben)
    await follow(calls.database, fans[0], alike)
    await calls.database.execute("insert into user_interest values ($1, 3), ($2, 3), ($1, 4)", ann, alike)
    await rank_popular_users.function(calls.database)
    body = {"user_id": str(ann), "other_user_id": None, "starting_point": "0"}
    assert of(await calls.done("showSuggestedUsers", body, token=token, app=app)) == [nearer, near, alike, popular]
    assert (await suggested(calls, app=app))[:2] == [ben, popular], "a guest"


@pytest.mark.parametrize("app", APPS)
async def test_every_entry_has_the_newest_public_videos(calls: Calls, token: str, ben: UserId, app: Client) -> None:
    private, quiet, fan = [await new_user(calls.database) for _ in range(3)]
    for one in (ben, private, quiet):
        await follow(calls.database, fan, one)
        await film(calls, one, 5 if one != quiet else 0)
    await film(calls, ben, 3, "private")
    await calls.database.execute("update app_user set private = true where id = $1", private)
    await rank_popular_users.function(calls.database)
    answer = await calls.done("showSuggestedUsers", {"starting_point": 0}, token=token, app=app)
    videos = {entry["User"]["id"]: entry["Video"] for entry in answer}
    newest = await calls.database.fetch(
        "select id from video where user_id = $1 and privacy = 'public' order by id desc limit $2", ben, VIDEOS
    )
    assert [video["id"] for video in videos[ben]] == [row["id"] for row in newest]
    assert {video["User"]["id"] for video in videos[ben]} == {ben}
    assert (videos[private], videos[quiet]) == ([], [])


async def test_who_is_never_suggested(calls: Calls, ann: UserId, token: str, ben: UserId) -> None:
    followed, banned, deleted, blocked, blocker, asked, shown = [await new_user(calls.database) for _ in range(7)]
    everyone = (ann, followed, banned, deleted, blocked, blocker, asked, shown)
    for one in everyone:
        await follow(calls.database, ben, one)
    await follow(calls.database, ann, ben)
    await follow(calls.database, ann, followed)
    await rank_popular_users.function(calls.database)
    assert set(await suggested(calls)) == {*everyone, ben}
    await ban(calls.database, banned)
    await delete(calls.database, deleted)
    await block(calls.database, ann, blocked)
    await block(calls.database, blocker, ann)
    await calls.database.execute("insert into follow_request (requester_id, requested_id) values ($1, $2)", ann, asked)
    assert await suggested(calls, token) == [shown]
    assert set(await suggested(calls)) == {ann, ben, followed, blocked, blocker, asked, shown}
    await rank_popular_users.function(calls.database)
    assert await suggested(calls, token) == [shown]


async def test_suggestions_are_paged_with_a_fixed_number_of_queries(
    calls: Calls, ann: UserId, token: str, ben: UserId
) -> None:
    others = [await new_user(calls.database) for _ in range(15)]
    assert await suggested(calls, token) == []
    for other in others:
        await follow(calls.database, ben, other)
        await film(calls, other, 4)
    await rank_popular_users.function(calls.database)
    pages = [
        of(await calls.done("showSuggestedUsers", {"user_id": ann, "starting_point": page}, token=token))
        for page in range(3)
    ]
    assert [len(page) for page in pages] == [10, 5, 0]
    assert sorted(id_ for page in pages for id_ in page) == others
    assert await calls.queries("showSuggestedUsers", {"starting_point": 0}, token=token) == 3
    assert (await calls.call("showSuggestedUsers", {"user_id": ben}, token=token))["code"] == 201


async def test_the_list_of_popular_users_follows_the_counters(calls: Calls, ben: UserId) -> None:
    cid, dan = await new_user(calls.database), await new_user(calls.database)
    await follow(calls.database, cid, ben)
    await rank_popular_users.function(calls.database)
    await follow(calls.database, dan, ben)
    await follow(calls.database, ben, dan)
    await rank_popular_users.function(calls.database)
    rows = await calls.database.fetch("select user_id, followers from popular_user order by followers desc")
    assert [tuple(row) for row in rows] == [(ben, 2), (dan, 1)]
    await calls.database.execute("delete from follow where followed_id = $1", ben)
    await rank_popular_users.function(calls.database)
    assert [row["user_id"] for row in await calls.database.fetch("select user_id from popular_user")] == [dan]
