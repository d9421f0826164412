"""watchVideo, as the apps and the pages call it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.contract.client import Client
from api.sections.videos import views as section
from control_plane.base.ids import UserId
from control_plane.videos.video import VideoId
from control_plane.videos.views.views import GUESTS_PER_ADDRESS, MOST_MS
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block, make_private
from tests.control_plane.videos.rows import ADD_VIDEO


async def counted(apps: Apps) -> dict[int, int]:
    """Views by video, as others see them."""
    items = await apps.done("showRelatedVideos", starting_point=0)
    return {item["Video"]["id"]: item["Video"]["view"] for item in items}


async def watched_ms(apps: Apps) -> list[int]:
    return [row["watch_ms"] for row in await apps.database.fetch("select watch_ms from video_view order by video_id")]


async def half_hour_passes(apps: Apps) -> None:
    await apps.database.execute("update video_view set half_hour = half_hour - 1")


@pytest.mark.parametrize("app", APPS)
async def test_a_user_counts_once_in_half_an_hour(
    apps: Apps, ann: UserId, token: str, video: VideoId, app: Client
) -> None:
    body = {"user_id": str(ann), "video_id": str(video), "device_id": "9774d56d682e549c"}
    for _ in range(2):
        await apps.done("watchVideo", token, app, **body)
        assert await counted(apps) == {video: 1}
    await half_hour_passes(apps)
    await apps.done("watchVideo", token, app, **body)
    assert await counted(apps) == {video: 2}
    assert await apps.database.fetchval("select count(*) from video_view where user_id = $1", ann) == 2


@pytest.mark.parametrize("app", APPS)
async def test_guests_count_by_their_device(apps: Apps, video: VideoId, app: Client) -> None:
    views = []
    for device in [*range(8), *range(8)]:  # by chance two may count as one guest, but not all
        await apps.done("watchVideo", app=app, user_id="0", video_id=str(video), device_id=f"phone {device}")
        views.append((await counted(apps))[video])
    assert 1 < views[7] <= 8
    assert set(views[8:]) == {views[7]}
    stored = await apps.database.fetch("select viewer, user_id from video_view")
    assert all(row["user_id"] is None and b"127.0.0.1" not in row["viewer"] for row in stored)


async def test_an_address_that_invents_devices_counts_as_a_bounded_number_of_guests(apps: Apps, video: VideoId) -> None:
    for device in range(3 * GUESTS_PER_ADDRESS):
        await apps.platform.videos.views.record({video: 0}, None, "192.0.2.1", f"device {device}")
    assert GUESTS_PER_ADDRESS / 2 < (await counted(apps))[video] <= GUESTS_PER_ADDRESS


async def test_the_time_of_a_view_is_added_up(apps: Apps, token: str, video: VideoId) -> None:
    for duration in ("12.5", 2, -3, "x", None, [1], "nan", "inf"):
        await apps.done("watchVideo", token, watch_videos=[{"video_id": video, "duration": duration}])
    assert await watched_ms(apps) == [14_500]
    await apps.done("watchVideo", token, watch_videos=[{"video_id": video, "duration": 1e300}])
    assert await watched_ms(apps) == [MOST_MS]
    assert await counted(apps) == {video: 1}


async def test_one_call_has_several_videos(apps: Apps, token: str, bob: UserId, video: VideoId) -> None:
    second = await apps.database.fetchval(ADD_VIDEO, bob)
    watched: list[Any] = [
        {"video_id": str(second), "duration": "3"},
        {"video_id": video, "duration": 1},
        {"video_id": second, "duration": 4},
        {"video_id": 2**31 - 1},
        *({"video_id": "x"}, {"video_id": True}, {"video_id": -1}, {}, "7", None),
    ]
    await apps.done("watchVideo", token, watch_videos=watched)
    assert await counted(apps) == {video: 1, second: 1}
    assert await watched_ms(apps) == [1_000, 7_000]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "video_id or watch_videos must name a video."),
        ({"video_id": "0", "watch_videos": []}, "video_id or watch_videos must name a video."),
        ({"video_id": "x"}, "video_id must be a whole number."),
        ({"watch_videos": "1"}, "watch_videos must be a list."),
        ({"watch_videos": [{}] * (section.MOST + 1)}, "watch_videos may have at most 100 entries."),
    ],
)
async def test_bad_input_is_refused(apps: Apps, body: dict[str, Any], text: str) -> None:
    for app in APPS:
        answer = await apps.call("watchVideo", app=app, **body)
        assert (answer["code"], answer["msg"]) == (400, text)


async def test_videos_that_the_viewer_does_not_see_are_not_counted(apps: Apps, ann: UserId, token: str) -> None:
    database = apps.database
    blocking, blocked, shy, bob = [await new_user(database) for _ in range(4)]
    await block(database, blocking, ann)
    await block(database, ann, blocked)
    await make_private(database, shy)
    videos = [await database.fetchval(ADD_VIDEO, owner) for owner in (blocking, blocked, shy)]
    for state in ("processing", "failed"):
        videos.append(await database.fetchval(ADD_VIDEO, bob))
        await database.execute("update video set state = $2 where id = $1", videos[-1], state)
    own = await database.fetchval(ADD_VIDEO, ann)
    await database.execute("update video set state = 'processing' where id = $1", own)
    await apps.done("watchVideo", token, watch_videos=[{"video_id": id_} for id_ in (*videos, own)])
    assert await database.fetchval("select count(*) from video_view") == 0
    await apps.done("watchVideo", watch_videos=[{"video_id": id_} for id_ in videos])
    assert await database.fetchval("select count(*) from video_view") == 2, "a guest has no block"


async def test_a_call_has_a_fixed_number_of_queries(apps: Apps, token: str, bob: UserId) -> None:
    videos = [await apps.database.fetchval(ADD_VIDEO, bob) for _ in range(5)]
    await apps.done("watchVideo", token, video_id=videos[0])  # the session is cached now
    assert await apps.queries("watchVideo", token, watch_videos=[{"video_id": id_} for id_ in videos]) == 1


async def test_one_viewer_counts_once_when_calls_overlap(apps: Apps, token: str, bob: UserId) -> None:
    videos = [await apps.database.fetchval(ADD_VIDEO, bob) for _ in range(8)]
    forward = [{"video_id": id_, "duration": 1} for id_ in videos]
    await asyncio.gather(
        *(
            apps.done("watchVideo", token, watch_videos=watched)
            for watched in (forward, forward[::-1])
            for _ in range(5)
        )
    )
    assert await counted(apps) == dict.fromkeys(videos, 1)
    assert await watched_ms(apps) == [10_000] * 8
