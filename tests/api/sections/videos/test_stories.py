"""showFriendsStories, and the stories of a profile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.videos.lists_store import STORIES
from control_plane.videos.video import VideoId
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, follow, make_private
from tests.control_plane.videos.added import added, delete


async def friend(apps: Apps, ann: UserId) -> UserId:
    user_id = await new_user(apps.database)
    await follow(apps.database, ann, user_id)
    await follow(apps.database, user_id, ann)
    return user_id


async def told(apps: Apps, user_id: UserId, hours_ago: float = 0, **columns: Any) -> VideoId:
    created_at = utc_now() - dt.timedelta(hours=hours_ago)
    return await added(apps.database, user_id, story=True, created_at=created_at, **columns)


async def stories(
    apps: Apps, token: str, page: int | str = "0", app: Client = Client.DOCUMENT
) -> list[tuple[UserId, list[int]]]:
    answer = await apps.done("showFriendsStories", token, app, starting_point=page)
    return [(user["id"], [entry["Video"]["id"] for entry in user["Video"]]) for user in answer["User"]]


@pytest.mark.parametrize("app", APPS)
async def test_friends_with_their_stories_of_the_last_day(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    ben, cid, quiet, stranger = await friend(apps, ann), await friend(apps, ann), await friend(apps, ann), UserId(0)
    followed, follower, stranger = [await new_user(apps.database) for _ in range(3)]
    await follow(apps.database, ann, followed)
    await follow(apps.database, follower, ann)
    for one in (followed, follower, stranger):
        await told(apps, one)
    bens = [await told(apps, ben, 23.9), await told(apps, ben, 5, privacy="friends"), await told(apps, ben)]
    cids = [await told(apps, cid, 2)]
    await told(apps, cid, 1, privacy="private")
    await told(apps, cid, 1, state="processing")
    await told(apps, cid, 24.1)
    await told(apps, quiet, 30)
    await added(apps.database, quiet)
    await delete(apps.database, await told(apps, quiet))
    assert await stories(apps, token, "0", app) == [(cid, cids), (ben, bens)]
    await make_private(apps.database, ben)
    assert await stories(apps, token, 0, app) == [(cid, cids), (ben, bens)], "friends see a private account"
    await ban(apps.database, ben)
    await block(apps.database, cid, ann)
    assert await stories(apps, token, 0, app) == []


async def test_pages_of_friends_stay_the_same_while_they_tell_more(apps: Apps, ann: UserId, token: str) -> None:
    friends = [await friend(apps, ann) for _ in range(23)]
    for one in friends:
        await told(apps, one)
    first = await stories(apps, token)
    assert [user_id for user_id, _ in first] == friends[:12:-1]
    for one in (friends[20], friends[10], friends[1], await friend(apps, ann)):
        await told(apps, one)
    second, third = await stories(apps, token, 1), await stories(apps, token, 2)
    assert [user_id for user_id, _ in second] == friends[12:2:-1]
    assert [user_id for user_id, _ in third] == friends[2::-1]
    assert len(dict(second)[friends[10]]) == len(dict(third)[friends[1]]) == 2
    assert await stories(apps, token, 3) == []
    body: dict[str, Any] = {"user_id": ann, "starting_point": 0}
    assert await apps.queries("showFriendsStories", token, **body) == 2
    await told(apps, friends[3])
    assert await apps.queries("showFriendsStories", token, **body) == 2


async def test_a_user_who_tells_very_much_is_shown_with_the_newest_stories(apps: Apps, ann: UserId, token: str) -> None:
    ben = await friend(apps, ann)
    ids = [await told(apps, ben, 1 - number / 100) for number in range(STORIES + 2)]
    assert await stories(apps, token) == [(ben, ids[2:])]


@pytest.mark.parametrize("app", APPS)
async def test_only_the_caller_sees_them(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    other = await new_user(apps.database)
    assert (await apps.call("showFriendsStories", "", app, starting_point="0"))["code"] in (401, 501)
    assert (await apps.call("showFriendsStories", token, app, user_id=str(other), starting_point="0"))["code"] == 201


@pytest.mark.parametrize("app", APPS)
async def test_a_profile_has_the_stories_that_the_viewer_sees(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    ben = await friend(apps, ann)
    ids = [await told(apps, ben, 3), await told(apps, ben, 2, privacy="friends"), await told(apps, ben, 1)]
    await told(apps, ben, 25)
    processing = await told(apps, ben, state="processing")
    bens = await apps.token(ben)

    async def shown(token: str, **body: Any) -> list[int]:
        profile = await apps.done("showUserDetail", token, app, **body)
        return [entry["Video"]["id"] for entry in profile["User"]["story"]]

    assert await shown(token, other_user_id=str(ben)) == ids
    assert await shown("", other_user_id=str(ben)) == [ids[0], ids[2]]
    assert await shown(bens) == ids
    assert await shown(token) == []
    await apps.database.execute("update app_user set private = true where id = $1", ben)
    assert await shown("", other_user_id=str(ben)) == []
    assert await shown(token, other_user_id=str(ben)) == ids
    assert processing not in ids
