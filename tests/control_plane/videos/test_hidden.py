"""Videos of users who are hidden while a video is added."""

from __future__ import annotations

import asyncio

import asyncpg

from control_plane.db.pool import Database
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.waiting import until

_ADD = ADD_VIDEO
_WAITS = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
_HIDDEN = "select hidden from video"


async def test_a_ban_hides_a_video_that_is_added_at_the_same_moment(dsn: str, database: Database) -> None:
    user_id = await new_user(database)
    uploader = await asyncpg.connect(dsn)
    try:
        async with uploader.transaction():
            await uploader.execute(_ADD, user_id)
            ban = asyncio.create_task(database.execute("update app_user set banned_at = now() where id = $1", user_id))
            await until(lambda: uploader.fetchval(_WAITS), what="the ban waits for the video")
        await ban
        assert await database.fetchval(_HIDDEN) is True
    finally:
        await uploader.close()


async def test_a_video_of_a_private_account_is_hidden_from_the_first(database: Database) -> None:
    user_id = await new_user(database)
    await database.execute("update app_user set private = true where id = $1", user_id)
    await database.execute(_ADD, user_id)
    assert await database.fetchval(_HIDDEN) is True
    await database.execute("update app_user set private = false where id = $1", user_id)
    assert await database.fetchval(_HIDDEN) is False
