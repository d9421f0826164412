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
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private
from tests.control_plane.videos.rows import CLIP

BOTH = pytest.mark.parametrize(("name", "key"), [("showFollowers", "FollowerList"), ("showFollowing", "FollowingList")])


async def connect(apps: Apps, name: str, owner: UserId, other: UserId) -> None:
    """The other user is on the owner's list."""
    pair = (other, owner) if name == "showFollowers" else (owner, other)
    await follow(apps.database, *pair)


def of(answer: Sequence[dict[str, Any]], key: str = "User") -> list[UserId]:
    return [entry[key]["id"] for entry in answer]


async def named(apps: Apps, username: str, first_name: str = "", last_name: str = "") -> UserId:
    async with apps.database.transaction() as connection:
        return await store.create(
            connection, NewUser(username=username, first_name=first_name, last_name=last_name), []
        )


# ── showFollowers, showFollowing ──


@BOTH
@pytest.mark.parametrize("app", APPS)
async def test_the_same_person_is_under_both_keys_the_newest_first(
    apps: Apps, ann: UserId, token: str, ben: UserId, name: str, key: str, app: Client
) -> None:
    others = [await new_user(apps.database) for _ in range(12)]
    for other in others:
        await connect(apps, name, ben, other)
    await follow(apps.database, ann, others[-1])
    await follow(apps.database, others[-2], ann)
    body: dict[str, Any] = {"user_id": str(ann), "other_user_id": str(ben), "starting_point": "0"}
    first = await apps.done(name, **body, token=token, app=app)
    assert of(first) == of(first, key) == others[:1:-1]
    assert [entry["User"] for entry in first] == [entry[key] for entry in first]
    assert [entry["User"]["button"] for entry in first[:3]] == ["Following", "Follow Back", "Follow"]
    second = await apps.done(name, **{**body, "starting_point": 1}, token=token, app=app)
    assert of(second) == others[1::-1]
    for page in (2, 499, 500, 10**5):
        assert await apps.done(name, **{**body, "starting_point": page}, token=token, app=app) == []


@BOTH
async def test_whose_list_is_shown(apps: Apps, ann: UserId, token: str, ben: UserId, name: str, key: str) -> None:
    cid, dan = await new_user(apps.database), await new_user(apps.database)
    await connect(apps, name, ann, cid)
    await connect(apps, name, ben, dan)
    for body in ({}, {"user_id": ann}, {"user_id": ann, "other_user_id": ""}, {"other_user_id": "0"}):
        assert of(await apps.done(name, **body, token=token)) == [cid], body
    assert of(await apps.done(name, user_id=ann, other_user_id=ben, token=token)) == [dan]
    for body in ({"user_id": "0", "other_user_id": ben}, {"user_id": "", "other_user_id": str(ben)}):
        assert of(await apps.done(name, **body)) == [dan], "a guest"
    assert (await apps.call(name))["code"] == 201
    assert (await apps.call(name, user_id=ben, token=token))["code"] == 201, "not the caller"
    assert (await apps.call(name, other_user_id="x", token=token))["code"] == 400
    assert (await apps.call(name, other_user_id=2_000_000_000, token=token))["code"] == 201


@BOTH
@pytest.mark.parametrize("app", APPS)
async def test_a_private_list_is_for_followers_and_the_owner(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, name: str, key: str, app: Client
) -> None:
    cid = await new_user(apps.database)
    await connect(apps, name, ben, cid)
    await make_private(apps.database, ben)
    body: dict[str, Any] = {"other_user_id": ben}
    for session in (token, ""):
        answer = await apps.call(name, **body, token=session, app=app)
        assert (answer["code"], answer["msg"]) == (201, "This account is private. Follow it to see this list.")
    assert of(await apps.done(name, user_id=ben, token=bens, app=app)) == [cid]
    await follow(apps.database, ann, ben)
    assert cid in of(await apps.done(name, **body, token=token, app=app))


@BOTH
async def test_the_lists_of_hidden_users_are_hidden(apps: Apps, ann: UserId, token: str, name: str, key: str) -> None:
    banned, deleted, blocked, blocker = [await new_user(apps.database) for _ in range(4)]
    await ban(apps.database, banned)
    await delete(apps.database, deleted)
    await block(apps.database, ann, blocked)
    await block(apps.database, blocker, ann)
    for hidden in (banned, deleted, blocked, blocker):
        answer = await apps.call(name, other_user_id=hidden, token=token)
        assert (answer["code"], answer["msg"]) == (201, "There is no such user.")


@BOTH
async def test_hidden_users_are_on_no_list(
    apps: Apps, ann: UserId, token: str, ben: UserId, name: str, key: str
) -> None:
    banned, deleted, blocked, blocker, private = [await new_user(apps.database) for _ in range(5)]
    for other in (banned, deleted, blocked, blocker, private, ann):
        await connect(apps, name, ben, other)
    await ban(apps.database, banned)
    await delete(apps.database, deleted)
    await block(apps.database, ann, blocked)
    await block(apps.database, blocker, ann)
    await make_private(apps.database, private)
    answer = await apps.done(name, other_user_id=ben, token=token)
    assert of(answer) == [ann, private]
    assert answer[0]["User"]["button"] == "", "the caller's own entry"
    assert of(await apps.done(name, other_user_id=ben)) == [ann, private, blocker, blocked], "a guest"


@BOTH
async def test_the_number_of_queries_of_a_list_is_fixed(
    apps: Apps, token: str, ben: UserId, name: str, key: str
) -> None:
    body: dict[str, Any] = {"other_user_id": ben}
    await apps.done(name, **body, token=token)
    for _ in range(10):
        await connect(apps, name, ben, await new_user(apps.database))
    assert await apps.queries(name, **body, token=token) == 3


# ── showFriends ──


@pytest.mark.parametrize("app", [Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT])
async def test_friends_follow_each_other(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    friend, other, banned, followed, follower = [await new_user(apps.database) for _ in range(5)]
    for one in (friend, other, banned, followed):
        await follow(apps.database, ann, one)
    for one in (friend, other, banned, follower):
        await follow(apps.database, one, ann)
    await ban(apps.database, banned)
    body: dict[str, Any] = {"user_id": str(ann), "starting_point": "0"}
    answer = await apps.done("showFriends", **body, token=token, app=app)
    assert of(answer, "Friends") == [other, friend]
    assert {entry["Friends"]["button"] for entry in answer} == {"Friends"}
    assert await apps.done("showFriends", **{**body, "starting_point": "1"}, token=token, app=app) == []
    assert await apps.queries("showFriends", **body, token=token) == 2
    assert (await apps.call("showFriends", starting_point=0, app=app))["code"] in (401, 501)
    assert (await apps.call("showFriends", user_id=friend, token=token, app=app))["code"] == 201


# ── searchFollowingOrFollowUsers ──


@pytest.mark.parametrize("app", [Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT])
async def test_a_search_finds_followers_and_followed_users_by_name(
    apps: Apps, ann: UserId, token: str, app: Client
) -> None:
    zoe = await named(apps, "zoe.k", "Zoë", "Ångström")
    kim = await named(apps, "kim_zoe", "Kim", "Wexler")
    stranger = await named(apps, "zoe.s")
    ivan = await named(apps, "ivan", "Иван", "50%_off")
    for one in (zoe, ivan):
        await follow(apps.database, ann, one)
    await follow(apps.database, kim, ann)

    async def found(keyword: Any) -> list[UserId]:
        body: dict[str, Any] = {"user_id": str(ann), "keyword": keyword, "starting_point": "0"}
        return of(await apps.done("searchFollowingOrFollowUsers", **body, token=token, app=app))

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
    await block(apps.database, kim, ann)
    assert await found("zoe") == [zoe]
    await ban(apps.database, zoe)
    assert await found("zoe") == []
    assert stranger


async def test_a_search_is_paged_and_only_for_the_caller(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    fans = [await named(apps, f"fan{number:02}") for number in range(12)]
    for fan in fans:
        await follow(apps.database, fan, ann)
    body: dict[str, Any] = {"user_id": ann, "keyword": "fan", "starting_point": 0}
    assert of(await apps.done("searchFollowingOrFollowUsers", **body, token=token)) == fans[:10]
    assert (
        of(await apps.done("searchFollowingOrFollowUsers", **{**body, "starting_point": 1}, token=token)) == fans[10:]
    )
    assert await apps.queries("searchFollowingOrFollowUsers", **body, token=token) == 2
    assert (await apps.call("searchFollowingOrFollowUsers", keyword="fan"))["code"] == 401
    assert (await apps.call("searchFollowingOrFollowUsers", **{**body, "user_id": ben}, token=token))["code"] == 201
    assert (await apps.call("searchFollowingOrFollowUsers", user_id=ann, token=token))["code"] == 400
    long: dict[str, Any] = {**body, "keyword": "x" * 2001}
    assert (await apps.call("searchFollowingOrFollowUsers", **long, token=token))["code"] == 400


# ── showSuggestedUsers ──


async def film(apps: Apps, user_id: UserId, videos: int, privacy: str = "public") -> None:
    await apps.database.execute(
        f"with clip as ({CLIP}) insert into video (user_id, content_id, privacy)"
        " select $1, id, $3 from clip cross join generate_series(1, $2::integer)",
        user_id,
        videos,
        privacy,
    )


async def suggested(apps: Apps, token: str = "", **how: Any) -> list[UserId]:
    return of(await apps.done("showSuggestedUsers", starting_point="0", token=token, **how))


@pytest.mark.parametrize("app", APPS)
async def test_friends_of_friends_come_before_shared_interests_and_popular_users(
    apps: Apps, ann: UserId, token: str, ben: UserId, app: Client
) -> None:
    near, nearer, alike, popular, cid, *fans = [await new_user(apps.database) for _ in range(10)]
    await follow(apps.database, ann, ben)
    await follow(apps.database, ann, cid)
    for friend in (ben, cid):
        await follow(apps.database, friend, nearer)
    await follow(apps.database, ben, near)
    for fan in fans:
        await follow(apps.database, fan, popular)
        await follow(apps.database, fan, ben)
    await follow(apps.database, fans[0], alike)
    await apps.database.execute("insert into user_interest values ($1, 3), ($2, 3), ($1, 4)", ann, alike)
    await rank_popular_users.function(apps.database)
    body: dict[str, Any] = {"user_id": str(ann), "other_user_id": None, "starting_point": "0"}
    assert of(await apps.done("showSuggestedUsers", **body, token=token, app=app)) == [nearer, near, alike, popular]
    assert (await suggested(apps, app=app))[:2] == [ben, popular], "a guest"


@pytest.mark.parametrize("app", APPS)
async def test_every_entry_has_the_newest_public_videos(apps: Apps, token: str, ben: UserId, app: Client) -> None:
    private, quiet, fan = [await new_user(apps.database) for _ in range(3)]
    for one in (ben, private, quiet):
        await follow(apps.database, fan, one)
        await film(apps, one, 5 if one != quiet else 0)
    await film(apps, ben, 3, "private")
    await apps.database.execute("update app_user set private = true where id = $1", private)
    await rank_popular_users.function(apps.database)
    answer = await apps.done("showSuggestedUsers", starting_point=0, token=token, app=app)
    videos = {entry["User"]["id"]: entry["Video"] for entry in answer}
    newest = await apps.database.fetch(
        "select id from video where user_id = $1 and privacy = 'public' order by id desc limit $2", ben, VIDEOS
    )
    assert [video["id"] for video in videos[ben]] == [row["id"] for row in newest]
    assert {video["User"]["id"] for video in videos[ben]} == {ben}
    assert (videos[private], videos[quiet]) == ([], [])


async def test_who_is_never_suggested(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    followed, banned, deleted, blocked, blocker, asked, shown = [await new_user(apps.database) for _ in range(7)]
    everyone = (ann, followed, banned, deleted, blocked, blocker, asked, shown)
    for one in everyone:
        await follow(apps.database, ben, one)
    await follow(apps.database, ann, ben)
    await follow(apps.database, ann, followed)
    await rank_popular_users.function(apps.database)
    assert set(await suggested(apps)) == {*everyone, ben}
    await ban(apps.database, banned)
    await delete(apps.database, deleted)
    await block(apps.database, ann, blocked)
    await block(apps.database, blocker, ann)
    await apps.database.execute("insert into follow_request (requester_id, requested_id) values ($1, $2)", ann, asked)
    assert await suggested(apps, token) == [shown]
    assert set(await suggested(apps)) == {ann, ben, followed, blocked, blocker, asked, shown}
    await rank_popular_users.function(apps.database)
    assert await suggested(apps, token) == [shown]


async def test_suggestions_are_paged_with_a_fixed_number_of_queries(
    apps: Apps, ann: UserId, token: str, ben: UserId
) -> None:
    others = [await new_user(apps.database) for _ in range(15)]
    assert await suggested(apps, token) == []
    for other in others:
        await follow(apps.database, ben, other)
        await film(apps, other, 4)
    await rank_popular_users.function(apps.database)
    pages = [
        of(await apps.done("showSuggestedUsers", user_id=ann, starting_point=page, token=token)) for page in range(3)
    ]
    assert [len(page) for page in pages] == [10, 5, 0]
    assert sorted(id_ for page in pages for id_ in page) == others
    assert await apps.queries("showSuggestedUsers", starting_point=0, token=token) == 3
    assert (await apps.call("showSuggestedUsers", user_id=ben, token=token))["code"] == 201


async def test_the_list_of_popular_users_follows_the_counters(apps: Apps, ben: UserId) -> None:
    cid, dan = await new_user(apps.database), await new_user(apps.database)
    await follow(apps.database, cid, ben)
    await rank_popular_users.function(apps.database)
    await follow(apps.database, dan, ben)
    await follow(apps.database, ben, dan)
    await rank_popular_users.function(apps.database)
    rows = await apps.database.fetch("select user_id, followers from popular_user order by followers desc")
    assert [tuple(row) for row in rows] == [(ben, 2), (dan, 1)]
    await apps.database.execute("delete from follow where followed_id = $1", ben)
    await rank_popular_users.function(apps.database)
    assert [row["user_id"] for row in await apps.database.fetch("select user_id from popular_user")] == [dan]


async def test_a_new_server_suggests_users_from_their_first_follower_on(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str
) -> None:
    cid = await new_user(apps.database)
    await apps.done("followUser", token, receiver_id=ben)
    assert await suggested(apps) == [ben]
    await apps.done("followUser", bens, receiver_id=ann)
    await make_private(apps.database, cid)
    await apps.done("followUser", bens, receiver_id=cid)
    assert await suggested(apps) == [ann, ben]
    await apps.done("answerFollowRequest", await apps.token(cid), requester_id=ben, accept=1)
    assert await suggested(apps) == [ann, ben, cid]
