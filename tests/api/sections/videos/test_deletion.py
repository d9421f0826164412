"""deleteVideo as each app calls it, and what everybody sees afterwards."""

from __future__ import annotations

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.retention import delete_entries_of_video
from control_plane.inbox.telling import tell
from control_plane.videos.deletion import remove_deleted_videos
from tests.api.sections.apps import Apps
from tests.control_plane.counted import wrong_counters
from tests.control_plane.videos.rows import ADD_VIDEO

NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}


async def film(apps: Apps, user_id: UserId) -> int:
    video_id: int = await apps.database.fetchval(ADD_VIDEO, user_id)
    return video_id


@pytest.mark.parametrize("app", Client)
async def test_each_app_can_delete_a_video(apps: Apps, app: Client) -> None:
    token = await apps.sign_in("ann", app)
    first, second = [await film(apps, await apps.id_of(token)) for _ in range(2)]
    assert await apps.done("deleteVideo", token, app, video_id=str(first)) == "The video is deleted."
    assert [item["Video"]["id"] for item in await apps.done("showRelatedVideos")] == [second]
    assert (await apps.call("deleteVideo", token, app, video_id=first))["msg"] == "There is no such video."
    await apps.done("deleteVideo", token, app, video_id=second)
    assert await apps.done("showRelatedVideos") == []


@pytest.mark.parametrize("app", Client)
async def test_only_the_owner_deletes_a_video(apps: Apps, app: Client) -> None:
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben", app)
    video_id = await film(apps, await apps.id_of(ann))
    unlike = await apps.call("deleteVideo", ben, app, video_id=video_id)
    assert unlike == await apps.call("deleteVideo", ben, app, video_id=video_id + 1), "as if there were none"
    assert unlike["code"] == 201
    assert (await apps.call("deleteVideo", app=app, video_id=video_id))["code"] == NO_SESSION[app]
    await apps.ban(await apps.id_of(ann))
    assert (await apps.call("deleteVideo", ann, app, video_id=video_id))["code"] != 200
    assert await apps.database.fetchval("select state from video") == "ready"


@pytest.mark.parametrize("state", ["processing", "failed"])
async def test_a_video_that_is_not_ready_can_be_deleted(apps: Apps, ann: UserId, token: str, state: str) -> None:
    video_id = await film(apps, ann)
    await apps.database.execute("update video set state = $1", state)
    await apps.done("deleteVideo", token, video_id=video_id)
    assert await wrong_counters(apps.database) == []


async def test_the_profile_and_the_inbox_of_the_owner_forget_the_video(apps: Apps) -> None:
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben")
    ann_id, ben_id = await apps.id_of(ann), await apps.id_of(ben)
    first, second = [await film(apps, ann_id) for _ in range(2)]
    for video_id in (first, second):
        await apps.database.execute("insert into video_like (video_id, user_id) values ($1, $2)", video_id, ben_id)
        async with apps.database.transaction() as connection:
            await tell(connection, Told(Kind.VIDEO_LIKE, ben_id, video_id=video_id), [ann_id])
    await apps.done("deleteVideo", ann, video_id=first)
    await delete_entries_of_video.function(apps.database, first)  # the queue does not run here
    for removed in (False, True):
        profile = (await apps.done("showUserDetail", ann))["User"]
        assert (profile["video_count"], profile["likes_count"], profile["unread_notification"]) == (1, 1, 1), removed
        told = await apps.done("showAllNotifications", ann, starting_point=0)
        assert [entry["Notification"]["video_id"] for entry in told] == [second]
        await apps.database.execute("update video set deleted_at = now() - interval '2 days' where state = 'deleted'")
        await remove_deleted_videos.function(apps.platform.videos.deletion)
    assert await apps.database.fetchval("select count(*) from video") == 1
    assert await wrong_counters(apps.database) == []
