"""Reactions under concurrency: counts are exact, and users who react to one video do not wait for each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database
from control_plane.social.toggles import Toggles
from control_plane.videos.reactions.reactions import Reactions, _change
from control_plane.videos.reactions.store import Reaction
from control_plane.videos.video import VideoId
from control_plane.videos.views.store import _RECORD
from tests.control_plane.counted import wrong_counters
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO

CALLERS = 64
CALLS = 6
COUNTS = """
    select sum(likes)::integer, sum(favourites)::integer, sum(reposts)::integer from video_count where video_id = $1
"""
ROWS = """
    select (select count(*) from video_like where video_id = $1), (select count(*) from video_favourite where video_id = $1),
        (select count(*) from video_repost where video_id = $1)
"""


@pytest.fixture
async def two(dsn: str) -> AsyncIterator[list[Connection]]:
    connections = [await asyncpg.connect(dsn) for _ in range(2)]
    yield connections
    for connection in connections:
        await connection.close()


async def test_the_counts_are_right_after_callers_reacted_at_once(database: Database) -> None:
    owner = await new_user(database)
    videos = [VideoId(await database.fetchval(ADD_VIDEO, owner)) for _ in range(2)]
    reactions = Reactions(database, Toggles(database))
    chance = random.Random(13)
    on: set[tuple[Reaction, VideoId, UserId]] = set()

    async def react(user: UserId) -> None:
        for _ in range(CALLS):
            reaction, video = chance.choice(list(Reaction)), chance.choice(videos)
            wanted = chance.choice((None, True, False))
            reacted = await reactions.toggle(reaction, video, user, float("inf"), wanted)
            was_on = (reaction, video, user) in on
            assert reacted.on == (not was_on if wanted is None else wanted)
            (on.add if reacted.on else on.discard)((reaction, video, user))

    await asyncio.gather(*[react(await new_user(database)) for _ in range(CALLERS)])
    assert await wrong_counters(database) == []
    for video in videos:
        expected = tuple(sum(1 for one in on if one[:2] == (reaction, video)) for reaction in Reaction)
        counted, stored = await database.fetchrow(COUNTS, video), await database.fetchrow(ROWS, video)
        assert counted is not None
        assert stored is not None
        assert tuple(counted) == tuple(stored) == expected
    likes = sum(1 for one in on if one[0] is Reaction.LIKE)
    assert await database.fetchval(f"select {value_of('user.likes', str(owner))}") == likes > 0


async def test_users_who_react_to_one_video_do_not_wait_for_each_other(
    database: Database, two: list[Connection]
) -> None:
    owner, ann, ben = [await new_user(database) for _ in range(3)]
    video = VideoId(await database.fetchval(ADD_VIDEO, owner))
    first, second = two
    await second.execute("set lock_timeout = '5s'")
    for reaction in Reaction:
        async with first.transaction(), second.transaction():
            for connection, user in ((first, ann), (second, ben)):  # the second while the first still holds its locks
                assert (await _change(reaction, video, user, "", connection, lambda stands: not stands)).on
    async with first.transaction(), second.transaction():
        for connection, user in ((first, ann), (second, ben)):
            await connection.execute(_RECORD, [video], [0], user.to_bytes(4), 1, user, 0)
    counted = await database.fetchrow(
        "select sum(likes)::integer, sum(favourites)::integer, sum(reposts)::integer, sum(views)::integer from video_count"
    )
    assert counted is not None
    assert tuple(counted) == (2, 2, 2, 2)
