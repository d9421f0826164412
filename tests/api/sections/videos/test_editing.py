"""updateVideoDetail and pinVideo, as the apps call them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.retention import delete_posts_of_video
from control_plane.inbox.telling import tell
from control_plane.videos.video import VideoId
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.waiting import DEADLINE_S

MISSING = "There is no such video."
WORDS = {"allow_comments": "true", "allow_duet": "1", "privacy_type": "public"}


@pytest.fixture
async def video(apps: Apps, ann: UserId) -> VideoId:
    """Of Ann."""
    return VideoId(await apps.database.fetchval(ADD_VIDEO, ann))


@pytest.mark.parametrize("app", APPS)
async def test_each_app_changes_who_sees_a_video_and_what_others_may_do(
    apps: Apps, token: str, video: VideoId, app: Client
) -> None:
    other = await apps.token(await new_user(apps.database))
    assert (await apps.call("likeVideo", other, video_id=video))["code"] == 200
    item = await apps.done(
        "updateVideoDetail",
        token,
        app,
        video_id=str(video),
        allow_comments="false",
        allow_duet="0",
        privacy_type="private",
    )
    changed = item["Video"]
    assert (changed["allow_comments"], changed["allow_duet"], changed["privacy_type"]) == ("false", 0, "private")
    assert (await apps.call("likeVideo", other, video_id=video))["msg"] == MISSING
    changed = (await apps.done("updateVideoDetail", token, app, video_id=video, **WORDS))["Video"]
    assert (changed["allow_comments"], changed["allow_duet"], changed["privacy_type"]) == ("true", 1, "public")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"privacy_type": "Friends"}, ("friends", True, True)),
        ({"privacy_type": "PRIVATE"}, ("private", True, True)),
        ({"allow_comments": False}, ("public", False, True)),
        ({"allow_comments": "0", "allow_duet": "False"}, ("public", False, False)),
        ({"allow_comments": 1, "allow_duet": 0}, ("public", True, False)),
        ({"allow_comments": "", "allow_duet": None, "privacy_type": ""}, ("friends", False, False)),
    ],
)
async def test_spellings(apps: Apps, token: str, video: VideoId, sent: dict[str, Any], stored: tuple[Any, ...]) -> None:
    await apps.database.execute("update video set privacy = 'friends', allow_comments = false, allow_duet = false")
    body = {"video_id": video, **WORDS, **sent}
    await apps.done("updateVideoDetail", token, Client.ANDROID, **body)
    row = await apps.database.fetchrow("select privacy, allow_comments, allow_duet from video")
    assert row is not None
    assert tuple(row) == stored


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"video_id": None}, "video_id is missing."),
        ({"privacy_type": "all"}, "privacy_type must be one of public, friends, private."),
        ({"allow_comments": "maybe"}, "allow_comments must be a whole number."),
        ({"allow_duet": 2}, "allow_duet may be at most 1."),
    ],
)
async def test_bad_details_are_refused(apps: Apps, token: str, video: VideoId, sent: dict[str, Any], text: str) -> None:
    body = {"video_id": video, **WORDS, **sent}
    answer = await apps.call("updateVideoDetail", token, Client.ANDROID, **body)
    assert (answer["code"], answer["msg"]) == (400, text)


@pytest.mark.parametrize("app", APPS)
async def test_each_app_pins_a_video(apps: Apps, token: str, video: VideoId, app: Client) -> None:
    newer = await apps.database.fetchval("select profile_rank + 1 from video")
    for pin in ("1", "1", "0"):
        item = await apps.done("pinVideo", token, app, video_id=str(video), pin=pin)
        assert item["Video"]["pin"] == int(pin)
        ranks_first: bool = await apps.database.fetchval("select profile_rank > $1 from video", newer)
        assert ranks_first == (pin == "1")


async def test_a_pin_is_0_or_1(apps: Apps, token: str, video: VideoId) -> None:
    for pin, text in (("2", "pin may be at most 1."), ("", "pin is missing."), ("x", "pin must be a whole number.")):
        answer = await apps.call("pinVideo", token, Client.ANDROID, video_id=video, pin=pin)
        assert (answer["code"], answer["msg"]) == (400, text)


@pytest.mark.parametrize(("endpoint", "words"), [("updateVideoDetail", WORDS), ("pinVideo", {"pin": "1"})])
async def test_only_the_owner_edits_a_video(
    apps: Apps, ann: UserId, token: str, video: VideoId, endpoint: str, words: dict[str, str]
) -> None:
    other = await apps.token(await new_user(apps.database))
    body: dict[str, Any] = {"video_id": str(video), **words}
    before = await apps.database.fetchrow("select * from video")
    for app in APPS:
        assert (await apps.call(endpoint, other, app, **body))["msg"] == MISSING
        assert (await apps.call(endpoint, "", app, **body))["code"] in (401, 501)
    assert await apps.database.fetchrow("select * from video") == before
    await apps.database.execute("update video set state = 'deleted', deleted_at = now()")
    for id_ in (video, video + 1):
        assert (await apps.call(endpoint, token, **{**body, "video_id": id_}))["msg"] == MISSING


async def test_an_owner_edits_a_video_that_is_processed(apps: Apps, token: str, video: VideoId) -> None:
    await apps.database.execute("update video set state = 'processing'")
    body: dict[str, Any] = {"video_id": video, **WORDS, "privacy_type": "friends"}
    changed = (await apps.done("updateVideoDetail", token, Client.ANDROID, **body))["Video"]
    assert (changed["privacy_type"], changed["upload_state"]) == ("friends", "processing")


async def test_an_edit_waits_for_nothing_that_the_video_refers_to(
    apps: Apps, token: str, ann: UserId, video: VideoId
) -> None:
    """Those who hold its content or its pinned comment lock the video next: the encoder, and who deletes the comment."""
    comment_id = await apps.database.fetchval(
        "insert into video_comment (video_id, user_id, text) values ($1, $2, 'first') returning id", video, ann
    )
    await apps.done("pinComment", token, video_id=video, pin_comment_id=comment_id)
    place: dict[str, Any] = {"lat": "48.1", "long": "11.5", "location_string": "Munich"}
    async with apps.database.transaction() as connection, asyncio.timeout(DEADLINE_S):
        await connection.execute("select from video_content for update")
        await connection.execute("select from video_comment for update")
        edited = (await apps.done("editVideo", token, video_id=video, description="new", **place))["Video"]
    assert (edited["description"], edited["location_string"], float(edited["lat"])) == ("new", "Munich", 48.1)


async def test_who_no_longer_sees_a_video_is_no_longer_told_of_it(apps: Apps) -> None:
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben")
    ann_id, ben_id = await apps.id_of(ann), await apps.id_of(ben)
    video_id = await apps.database.fetchval(ADD_VIDEO, ann_id)
    async with apps.database.transaction() as connection:
        for kind in (Kind.VIDEO_POST, Kind.MENTION):
            await tell(connection, Told(kind, ann_id, video_id=video_id, text="My new address"), [ben_id])
        await tell(connection, Told(Kind.VIDEO_LIKE, ben_id, video_id=video_id), [ann_id])
    details = {"video_id": video_id, "allow_comments": "true", "allow_duet": 1}
    waiting = "select count(*) from pgqueuer where entrypoint = 'delete_posts_of_video'"
    await apps.done("updateVideoDetail", ann, **details, privacy_type="public")
    assert await apps.database.fetchval(waiting) == 0
    await apps.done("updateVideoDetail", ann, **details, privacy_type="private")
    assert await apps.database.fetchval(waiting) == 1
    await delete_posts_of_video.function(apps.database, video_id)  # the queue does not run here
    left = await apps.database.fetch("select receiver_id, kind from inbox_entry")
    assert [tuple(row.values()) for row in left] == [(ann_id, "video_like")]
