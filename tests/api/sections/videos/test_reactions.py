"""Likes, favourites, reposts, shares and videos that are passed over, as the apps call them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.inbox.model import Kind
from control_plane.videos.reactions import reactions
from control_plane.videos.reactions.reactions import tell_like
from control_plane.videos.video import VideoId
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.jobs.payloads import payloads
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, follow, make_private
from tests.control_plane.videos.rows import ADD_VIDEO

TOGGLES = ("likeVideo", "addVideoFavourite", "repostVideo")
ONE_VIDEO = (*TOGGLES, "shareVideo")
MISSING = "There is no such video."


async def shown(apps: Apps, token: str, video: VideoId) -> dict[str, Any]:
    """The video as the caller sees it in the home feed."""
    items = await apps.done("showRelatedVideos", token, starting_point=0)
    found: dict[str, Any] = next(item["Video"] for item in items if item["Video"]["id"] == video)
    return found


@pytest.mark.parametrize("app", APPS)
async def test_each_app_likes_a_video_and_takes_it_back(
    apps: Apps, ann: UserId, token: str, video: VideoId, app: Client
) -> None:
    body = {"user_id": str(ann), "video_id": str(video)}
    liked = await apps.call("likeVideo", token, app, **body)
    assert liked == {"code": 200, "msg": "You like this video.", "like": 1, "like_count": 1}
    seen = await shown(apps, token, video)
    assert (seen["like"], seen["like_count"], seen["User"]["likes_count"]) == (1, 1, 1)
    taken_back = await apps.call("likeVideo", token, app, **body)
    assert taken_back == {"code": 200, "msg": "You no longer like this video.", "like": 0, "like_count": 0}
    seen = await shown(apps, token, video)
    assert (seen["like"], seen["like_count"], seen["User"]["likes_count"]) == (0, 0, 0)


@pytest.mark.parametrize("app", APPS)
async def test_each_app_adds_a_favourite_and_removes_it(
    apps: Apps, ann: UserId, token: str, bob: UserId, video: VideoId, app: Client
) -> None:
    body = {"user_id": str(ann), "video_id": str(video)}
    added = await apps.call("addVideoFavourite", token, app, **body)
    record = added["msg"]["VideoFavourite"]
    assert (added["code"], added["fav_count"]) == (200, 1)
    assert (record["user_id"], record["video_id"], record["id"] > 0) == (ann, video, True)
    assert (added["msg"]["User"]["id"], added["msg"]["Video"]["User"]["id"]) == (ann, bob)
    assert (added["msg"]["Video"]["favourite"], added["msg"]["Video"]["favourite_count"]) == (1, 1)
    removed = await apps.call("addVideoFavourite", token, app, **body)
    assert (removed["code"], removed["fav_count"]) == (200, 0), "iOS needs the record with code 200"
    assert removed["msg"]["VideoFavourite"] == record
    assert (removed["msg"]["Video"]["favourite"], removed["msg"]["Video"]["favourite_count"]) == (0, 0)


@pytest.mark.parametrize("app", APPS)
async def test_each_app_reposts_a_video_and_takes_it_back(
    apps: Apps, ann: UserId, token: str, video: VideoId, app: Client
) -> None:
    body = {"user_id": str(ann), "video_id": str(video)}
    if app is Client.ANDROID:
        body = {"repost_user_id": str(ann), "video_id": str(video), "repost_comment": ""}
    first, second = [await apps.done("repostVideo", token, app, **body) for _ in range(2)]
    if app is Client.IOS:
        assert (first, second) == ("You reposted this video.", "You took your repost back.")
        return
    of_repost = ("repost", "repost_user_id", "repost_video_id")
    assert [first["Video"][key] for key in of_repost] == [1, ann, video]
    assert [second["Video"][key] for key in of_repost] == [0, 0, 0]


async def test_a_repost_of_another_user_is_refused(apps: Apps, ann: UserId, token: str, video: VideoId) -> None:
    answer = await apps.call("repostVideo", token, Client.ANDROID, repost_user_id=ann + 1, video_id=video)
    assert answer["code"] == 201
    assert await apps.database.fetchval("select count(*) from video_repost") == 0


async def test_the_comment_of_a_repost_is_kept(apps: Apps, token: str, video: VideoId) -> None:
    await apps.done("repostVideo", token, video_id=video, repost_comment="Look at this!")
    assert await apps.database.fetchval("select comment from video_repost") == "Look at this!"


@pytest.mark.parametrize("app", APPS)
async def test_a_share_counts_once_a_day(apps: Apps, ann: UserId, token: str, video: VideoId, app: Client) -> None:
    body = {"user_id": str(ann), "video_id": str(video)}
    for _ in range(2):
        item = await apps.done("shareVideo", token, app, **body)
        assert (item["Video"]["id"], item["Video"]["share"]) == (video, 1)
    await apps.database.execute("update video_share set day = day - 1")
    assert (await apps.done("shareVideo", token, app, **body))["Video"]["share"] == 2


@pytest.mark.parametrize("app", APPS)
async def test_a_video_that_is_passed_over_leaves_the_feed_of_this_user_only(
    apps: Apps, ann: UserId, token: str, video: VideoId, app: Client
) -> None:
    for _ in range(2):
        await apps.done("NotInterestedVideo", token, app, user_id=str(ann), video_id=str(video))
    assert await apps.done("showRelatedVideos", token, app, starting_point="0") == []
    other = await apps.token(await new_user(apps.database))
    assert len(await apps.done("showRelatedVideos", other, app, starting_point="0")) == 1


async def test_the_oldest_videos_that_are_passed_over_are_forgotten(
    apps: Apps, token: str, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "MOST_PASSED_OVER", 2)
    videos = [await apps.database.fetchval(ADD_VIDEO, bob) for _ in range(3)]
    for video in videos:
        await apps.done("NotInterestedVideo", token, video_id=video)
    kept = await apps.database.fetch("select video_id from not_interested order by video_id")
    assert [row["video_id"] for row in kept] == videos[1:]


@pytest.mark.parametrize("endpoint", TOGGLES)
async def test_pages_send_the_wanted_state(apps: Apps, token: str, video: VideoId, endpoint: str) -> None:
    field = {"likeVideo": "like", "addVideoFavourite": "favourite", "repostVideo": "repost"}[endpoint]
    states = []
    for wanted in (0, 1, 1, 0):
        body: dict[str, Any] = {"video_id": video, field: wanted}
        await apps.done(endpoint, token, **body)
        states.append((await shown(apps, token, video))[field])
    assert states == [0, 1, 1, 0]


@pytest.mark.parametrize("endpoint", TOGGLES)
async def test_calls_that_overlap_are_one(apps: Apps, token: str, video: VideoId, endpoint: str) -> None:
    answers = await asyncio.gather(*(apps.done(endpoint, token, video_id=video) for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    seen = await shown(apps, token, video)
    assert seen["like"] + seen["favourite"] + seen["repost"] == 1


@pytest.mark.parametrize("endpoint", ONE_VIDEO)
async def test_who_does_not_see_a_video_cannot_react(
    apps: Apps, ann: UserId, token: str, endpoint: str, bob: UserId
) -> None:
    database = apps.database

    async def answer(owner: UserId, state: str = "ready", privacy: str = "public") -> str:
        video = await database.fetchval(ADD_VIDEO, owner)
        deleted = "now()" if state == "deleted" else "null"
        await database.execute(
            f"update video set state = $2, privacy = $3, deleted_at = {deleted} where id = $1", video, state, privacy
        )
        said = await apps.call(endpoint, token, video_id=video)
        return "done" if said["code"] == 200 else str(said["msg"])

    blocking, blocked, shy, banned, friend = [await new_user(database) for _ in range(5)]
    await block(database, blocking, ann)
    await block(database, ann, blocked)
    await make_private(database, shy)
    await ban(database, banned)
    for owner in (blocking, blocked, shy, banned):
        assert await answer(owner) == MISSING
    for state in ("processing", "failed", "deleted"):
        assert await answer(bob, state) == MISSING
    for privacy in ("friends", "private"):
        assert await answer(bob, privacy=privacy) == MISSING
    await follow(database, ann, friend)
    await follow(database, friend, ann)
    assert await answer(friend, privacy="friends") == "done"
    await follow(database, ann, shy)
    assert await answer(shy) == "done"
    assert await answer(ann, privacy="private") == "done"


async def test_each_call_has_a_fixed_number_of_queries(apps: Apps, token: str, video: VideoId) -> None:
    await apps.done("shareVideo", token, video_id=video)  # the session is cached now
    counted = {endpoint: await apps.queries(endpoint, token, video_id=video) for endpoint in ONE_VIDEO}
    for reader in range(3):
        other = await apps.token(await new_user(apps.database, f"fan{reader}"))
        for endpoint in ONE_VIDEO:
            await apps.done(endpoint, other, video_id=video)
    assert {endpoint: await apps.queries(endpoint, token, video_id=video) for endpoint in ONE_VIDEO} == counted


async def inbox_of(apps: Apps, user: UserId, app: Client = Client.DOCUMENT) -> list[dict[str, Any]]:
    """After the jobs that wait."""
    for payload in await payloads(apps.database, tell_like):
        await tell_like.function(apps.database, **payload)
    await apps.database.execute("delete from pgqueuer")
    entries: list[dict[str, Any]] = await apps.done(
        "showAllNotifications", await apps.token(user), app, starting_point=0
    )
    return entries


@pytest.mark.parametrize("app", APPS)
async def test_the_owner_is_told_of_a_like(
    apps: Apps, ann: UserId, token: str, bob: UserId, video: VideoId, app: Client
) -> None:
    await apps.done("likeVideo", token, app, video_id=video)
    (entry,) = await inbox_of(apps, bob, app)
    assert entry["Notification"]["type"] == Kind.VIDEO_LIKE
    assert (entry["Sender"]["id"], entry["Receiver"]["id"], entry["Video"]["id"]) == (ann, bob, video)


async def test_a_like_is_told_once(apps: Apps, token: str, bob: UserId, video: VideoId) -> None:
    for _ in range(3):
        await apps.done("likeVideo", token, video_id=video)
        assert len(await inbox_of(apps, bob)) == 1


async def test_a_like_that_is_taken_back_at_once_is_not_told(
    apps: Apps, token: str, bob: UserId, video: VideoId
) -> None:
    for _ in range(2):
        await apps.done("likeVideo", token, video_id=video)
    assert await inbox_of(apps, bob) == []


async def test_an_own_like_is_not_told(apps: Apps, ann: UserId, token: str) -> None:
    await apps.done("likeVideo", token, video_id=await apps.database.fetchval(ADD_VIDEO, ann))
    assert await inbox_of(apps, ann) == []


async def test_likes_are_not_told_to_an_owner_who_turned_them_off(
    apps: Apps, token: str, bob: UserId, video: VideoId
) -> None:
    await apps.database.execute("update push_setting set likes = false where user_id = $1", bob)
    await apps.done("likeVideo", token, video_id=video)
    assert await inbox_of(apps, bob) == []
