"""What holds for every call about videos: who may make it, ids that are none, videos that the caller does not see, and how often
it uses the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.contract.client import Client
from api.sections import videos
from control_plane.accounts import store as users
from control_plane.accounts.user import Identity, NewUser
from control_plane.base.ids import LARGEST_ID, UserId
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, make_private
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.watched_database import WatchedDatabase

NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}
NO_VIDEO, NO_COMMENT = "There is no such video.", "There is no such comment."
BLOCKED = "You have been blocked. Please contact support."
_COMMENT = "insert into video_comment (video_id, user_id, parent_id, text) values ($1, $2, $3, 'a') returning id"


class Scene(NamedTuple):
    """Ann calls. Bob has a video, and has commented on hers."""

    apps: Apps
    ann: UserId
    bob: UserId
    token: str
    video: int
    own: int
    comment: int
    reply: int


class Row(NamedTuple):
    body: Callable[[Scene], dict[str, Any]]
    uses: int
    """Of the database, by a call that succeeds. 0: not measured here."""
    guests: bool = False
    """May call."""
    id: str = ""
    """The field that names the video or the comment."""
    missing: str = ""
    """What is said of an id that nothing has."""


def of_video(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {"video_id": str(scene.video), **more}


def of_own(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {"video_id": str(scene.own), **more}


def page(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {"starting_point": "0", **more}


def of_bob(scene: Scene) -> dict[str, Any]:
    return {"other_user_id": str(scene.bob), "starting_point": "0"}


PLACE = {"lat": "48.137", "long": "11.575"}
WORDS = {"allow_comments": "true", "allow_duet": "1", "privacy_type": "public"}
CALLS: dict[str, Row] = {
    "showRelatedVideos": Row(page(), 2, guests=True),
    "showFollowingVideos": Row(page(), 0, guests=True),
    "showNearbyVideos": Row(page(**PLACE), 1, guests=True),
    "showVideosAgainstLocation": Row(page(location_string="Main Street 1"), 1, guests=True),
    "showVideosAgainstUserID": Row(of_bob, 2, guests=True),
    "showUserLikedVideos": Row(of_bob, 2, guests=True),
    "showUserRepostedVideos": Row(of_bob, 2, guests=True),
    "showFavouriteVideos": Row(page(), 1),
    "showFriendsStories": Row(page(), 1),
    "showVideoDetail": Row(of_video(), 2, guests=True, id="video_id", missing=NO_VIDEO),
    "showVideoDetailAd": Row(lambda scene: {}, 0, guests=True),
    "watchVideo": Row(of_video(), 1, guests=True),
    "likeVideo": Row(of_video(), 1, id="video_id", missing=NO_VIDEO),
    "addVideoFavourite": Row(of_video(), 4, id="video_id", missing=NO_VIDEO),
    "repostVideo": Row(of_video(), 3, id="video_id", missing=NO_VIDEO),
    "shareVideo": Row(of_video(), 3, id="video_id", missing=NO_VIDEO),
    "NotInterestedVideo": Row(of_video(), 1, id="video_id"),
    "downloadVideo": Row(of_video(), 2, id="video_id", missing=NO_VIDEO),
    "deleteWaterMarkVideo": Row(lambda scene: {"video_url": "https://live.example/a.mp4"}, 0),
    "reportVideo": Row(of_video(report_reason_id="1"), 7, id="video_id", missing=NO_VIDEO),
    "showVideoComments": Row(of_video(), 4, guests=True, id="video_id", missing=NO_VIDEO),
    "postCommentOnVideo": Row(of_video(comment="b"), 3, id="video_id", missing=NO_VIDEO),
    "postCommentReply": Row(
        lambda scene: {"video_id": scene.own, "comment_id": str(scene.comment), "comment": "b"},
        3,
        id="comment_id",
        missing=NO_COMMENT,
    ),
    "likeComment": Row(lambda scene: {"comment_id": str(scene.comment)}, 2, id="comment_id", missing=NO_COMMENT),
    "likeCommentReply": Row(
        lambda scene: {"comment_reply_id": str(scene.reply)}, 2, id="comment_reply_id", missing=NO_COMMENT
    ),
    "pinComment": Row(of_own(pin_comment_id="0"), 3, id="video_id", missing=NO_VIDEO),
    "deleteVideoCommentReply": Row(lambda scene: {"id": str(scene.reply)}, 1, id="id", missing=NO_COMMENT),
    "deleteVideoComment": Row(lambda scene: {"id": str(scene.comment)}, 1, id="id", missing=NO_COMMENT),
    "editVideo": Row(of_own(description="b"), 3, id="video_id", missing=NO_VIDEO),
    "updateVideoDetail": Row(of_own(**WORDS), 3, id="video_id", missing=NO_VIDEO),
    "pinVideo": Row(of_own(pin="1"), 3, id="video_id", missing=NO_VIDEO),
    "deleteVideo": Row(of_own(), 1, id="video_id", missing=NO_VIDEO),
    "postVideo": Row(lambda scene: {"upload_id": "0" * 32}, 0),
}
OF_OTHERS = (
    *("showVideoDetail", "likeVideo", "addVideoFavourite", "repostVideo", "shareVideo", "downloadVideo", "reportVideo"),
    *("showVideoComments", "postCommentOnVideo"),
)
"""Calls about any video that the caller sees."""


async def set_up(apps: Apps, ann: UserId) -> Scene:
    bob = await new_user(apps.database)
    video, own = [await apps.database.fetchval(ADD_VIDEO, owner) for owner in (bob, ann)]
    comment = await apps.database.fetchval(_COMMENT, own, bob, None)
    reply = await apps.database.fetchval(_COMMENT, own, bob, comment)
    return Scene(apps, ann, bob, await apps.token(ann), video, own, comment, reply)


@pytest.fixture
async def scene(apps: Apps, ann: UserId) -> Scene:
    return await set_up(apps, ann)


def test_no_call_is_left_out() -> None:
    served = {endpoint.name for section in videos.SECTIONS for endpoint in section.endpoints}
    assert CALLS.keys() == {*served, "reportVideo"}


@pytest.mark.parametrize("app", APPS)
async def test_guests_call_what_is_for_them(scene: Scene, app: Client) -> None:
    for name, row in CALLS.items():
        for who in ({}, {"user_id": "0"}, {"user_id": ""}):
            answer = await scene.apps.call(name, app=app, **row.body(scene), **who)
            assert answer["code"] in ((200, 201) if row.guests else (NO_SESSION[app],)), name


@pytest.mark.parametrize("app", APPS)
async def test_a_banned_user_calls_nothing(scene: Scene, app: Client) -> None:
    await scene.apps.ban(scene.ann)
    for name in CALLS.keys() - {"showVideoDetailAd"}:
        answer = await scene.apps.call(name, scene.token, app, **CALLS[name].body(scene))
        assert answer["msg"] in (BLOCKED, {"public": [], "private": []}), name


async def test_who_is_only_named_sees_and_does_what_a_guest_does(
    dsn: str, database: WatchedDatabase, tmp_path: Path
) -> None:
    """Old builds of the iOS app send the id of the sign-in library as their token, which others may know."""
    settings: dict[str, Any] = {"dev": False, "body_identity": True, "address_rate": 100_000, "user_rate": 100_000}
    async with apps_of(dsn, database, tmp_path, **settings) as apps:
        async with database.transaction() as connection:
            ann = await users.create(connection, NewUser(username="ann"), [Identity("uid", "uid-of-ann")])
        scene = await set_up(apps, ann)
        await database.execute("update video set privacy = 'private' where id = $1", scene.own)
        for name in CALLS.keys() - {"deleteWaterMarkVideo"}:  # which does nothing
            row = CALLS[name]
            body = row.body(scene) | ({"video_id": scene.own} if name in OF_OTHERS else {})
            for app in APPS:
                answer = await apps.call(name, "uid-of-ann", app, **body)
                assert answer["code"] in ((200, 201) if row.guests else (NO_SESSION[app],)), name
                assert name not in OF_OTHERS or answer["code"] != 200, name


BAD_IDS = (
    (None, 400, "{} is missing."),
    ("", 400, "{} is missing."),
    ("x", 400, "{} must be a whole number."),
    (-1, 400, "{} must be at least 1."),
    (LARGEST_ID + 1, 400, f"{{}} may be at most {LARGEST_ID}."),
)


@pytest.mark.parametrize("app", APPS)
async def test_an_id_that_is_none_is_refused(scene: Scene, app: Client) -> None:
    for name, row in CALLS.items():
        for id_, code, text in BAD_IDS if row.id else ():
            answer = await scene.apps.call(name, scene.token, app, **row.body(scene) | {row.id: id_})
            assert (answer["code"], answer["msg"]) == (code, text.format(row.id)), name
        if row.missing:
            answer = await scene.apps.call(name, scene.token, app, **row.body(scene) | {row.id: LARGEST_ID})
            assert (answer["code"], answer["msg"]) == (201, row.missing), name


async def of_a_private_account(scene: Scene) -> None:
    await make_private(scene.apps.database, scene.bob)


async def of_a_banned_user(scene: Scene) -> None:
    await ban(scene.apps.database, scene.bob)


async def of_a_deleted_user(scene: Scene) -> None:
    await delete(scene.apps.database, scene.bob)


async def of_who_blocks_the_caller(scene: Scene) -> None:
    await block(scene.apps.database, scene.bob, scene.ann)


async def of_who_is_blocked(scene: Scene) -> None:
    await block(scene.apps.database, scene.ann, scene.bob)


def changed(column: str) -> Callable[[Scene], Awaitable[None]]:
    async def change(scene: Scene) -> None:
        await scene.apps.database.execute(f"update video set {column} where id = $1", scene.video)

    return change


UNSEEN: dict[str, Callable[[Scene], Awaitable[None]]] = {
    **{
        change.__name__: change
        for change in (
            *(of_a_private_account, of_a_banned_user, of_a_deleted_user),
            *(of_who_blocks_the_caller, of_who_is_blocked),
        )
    },
    "for friends": changed("privacy = 'friends'"),
    "private": changed("privacy = 'private'"),
    "processing": changed("state = 'processing'"),
    "failed": changed("state = 'failed'"),
    "deleted": changed("state = 'deleted', deleted_at = now()"),
    "a story of yesterday": changed("story = true, created_at = now() - interval '25 hours'"),
}


@pytest.mark.parametrize("why", UNSEEN)
async def test_a_video_that_the_caller_does_not_see_is_as_if_there_were_none(scene: Scene, why: str) -> None:
    await UNSEEN[why](scene)
    for name in OF_OTHERS:
        for app in APPS:
            answer = await scene.apps.call(name, scene.token, app, **CALLS[name].body(scene))
            assert (answer["code"], answer["msg"]) == (201, NO_VIDEO), name
    for name in ("watchVideo", "NotInterestedVideo"):
        await scene.apps.done(name, scene.token, **CALLS[name].body(scene))
    for table in ("video_view", "not_interested", "report", "video_comment where video_id = $1"):
        rows = "select count(*) from " + table
        assert await scene.apps.database.fetchval(rows, *([scene.video] if "$1" in rows else [])) == 0, table


async def test_calls_use_the_database_a_fixed_number_of_times(scene: Scene) -> None:
    await scene.apps.done("showFavouriteVideos", scene.token)  # the session is cached now
    measured = {name: row for name, row in CALLS.items() if row.uses}
    uses = {name: await scene.apps.queries(name, scene.token, **row.body(scene)) for name, row in measured.items()}
    assert uses == {name: row.uses for name, row in measured.items()}
