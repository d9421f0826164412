"""What the personal socket tells of own videos."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_all_within
from tests.api.personal_socket.me import Process, process
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO

_POST = """
    with content as (insert into video_content default values returning id)
    insert into video (user_id, content_id, state) select $1, id, 'processing' from content returning id
"""
_READY = "update video_content set state = 'ready', progress = 100"
_FAILED = """
    with content as (insert into video_content (state, failure) values ('failed', 'It is damaged.') returning id)
    insert into video (user_id, content_id, state) select {}, id, 'failed' from content
"""


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Process]:
    async with process(dsn, sweep_s=1000) as made:
        yield made


async def change(here: Process, user_id: UserId, *statements: str) -> None:
    async with here.database.transaction() as connection:
        for statement in statements:
            await connection.execute(statement)
        await notify_all_within(connection, Topic.PERSON, [user_id])


async def test_the_owner_is_told_how_far_an_upload_is(here: Process) -> None:
    ann, bob = await new_user(here.database), await new_user(here.database)
    video_id = await here.database.fetchval(_POST, ann)
    async with here.connected({"Authorization": f"Bearer {await here.token(ann)}"}) as phone, here.of(bob) as other:
        hello = await phone.frame()
        view = {"id": video_id, "state": "processing", "progress": 0, "failure": ""}
        assert hello["videos"] == {"processing": [view]}
        await change(here, ann, "update video_content set progress = 40")
        assert await phone.frame() == {"type": "video", "video": {**view, "progress": 40}}
        await change(here, ann, _READY, "update video set state = 'ready'")
        assert await phone.frame() == {"type": "video", "video": {**view, "state": "ready", "progress": 100}}
        await change(here, ann, "update video set state = 'deleted', deleted_at = now()")
        await change(here, ann, _FAILED.format(ann))
        failed = {"id": video_id + 1, "state": "failed", "progress": 0, "failure": "It is damaged."}
        assert await phone.frame() == {"type": "video", "video": failed}, "nothing is told of the deleted one"
        third = await here.database.fetchval(_POST, bob)
        await change(here, bob)
        told = await other.frame()
        assert (told["type"], told["video"]["id"]) == ("video", third), "nothing of the videos of others"


async def test_a_video_that_was_ready_at_once_is_told(here: Process) -> None:
    ann = await new_user(here.database)
    async with here.of(ann) as phone:
        video_id = await here.database.fetchval(ADD_VIDEO, ann)
        await change(here, ann)
        frame = await phone.frame()
        assert (frame["video"]["id"], frame["video"]["state"]) == (video_id, "ready")
