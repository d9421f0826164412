"""The counters of videos, hashtags and comments: what they count, and that calls that overlap in any order end with right
ones."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from control_plane.base.ids import UserId
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, open_pool
from control_plane.social.toggles import Toggles
from control_plane.videos import deletion_store
from control_plane.videos.comments import store as comments
from control_plane.videos.comments.changing import remove
from control_plane.videos.comments.model import CommentId
from control_plane.videos.personal_data import forget_person
from control_plane.videos.reactions.reactions import Reactions
from control_plane.videos.reactions.store import Reaction
from control_plane.videos.tags_store import set_hashtags
from control_plane.videos.video import VideoId, VideoNotFound
from control_plane.videos.views.store import record
from tests.control_plane.counted import wrong_counters
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, make_private
from tests.control_plane.videos.added import added, delete

CONNECTIONS = 24
"""More than a counter has rows at first."""
ROUNDS = 40


@pytest.fixture
async def wide(database: Database, dsn: str) -> AsyncIterator[Database]:
    """The database with many connections."""
    opened = await open_pool(dsn, CONNECTIONS)
    yield opened
    await opened.close()


async def tag(database: Database, video_id: VideoId, *names: str) -> None:
    async with database.transaction() as connection:
        await connection.execute("select from video where id = $1 for no key update", video_id)
        await set_hashtags(connection, video_id, names)


async def videos_of(database: Database, name: str) -> int:
    count: int = await database.fetchval(
        f"select {value_of('hashtag.videos', 'id')} from hashtag where name = $1", name
    )
    return count


async def test_hashtags_count_the_videos_that_everyone_sees(database: Database) -> None:
    ann, ben, cid = [await new_user(database, name) for name in ("ann", "ben", "cid")]
    states = {"state": "processing"}, {"privacy": "private"}, {"privacy": "friends"}, {"story": True}
    for columns in states:
        await tag(database, await added(database, ann, **columns), "sea")
    assert await videos_of(database, "sea") == 0
    videos = [await added(database, owner) for owner in (ann, ann, ben, cid)]
    for video_id in videos:
        await tag(database, video_id, "sea", "sun")
    assert await videos_of(database, "sea") == 4
    await database.execute("update video set privacy = 'friends' where id = $1", videos[0])
    assert await videos_of(database, "sea") == 3
    await tag(database, videos[0], "sun")
    await database.execute("update video set privacy = 'public' where id = $1", videos[0])
    assert (await videos_of(database, "sea"), await videos_of(database, "sun")) == (3, 4)
    await make_private(database, ben)
    await ban(database, cid)
    assert (await videos_of(database, "sea"), await videos_of(database, "sun")) == (1, 2)
    await delete(database, videos[1])
    assert (await videos_of(database, "sea"), await videos_of(database, "sun")) == (0, 1)
    await database.execute("update video set state = 'ready' where state = 'processing'")
    assert await videos_of(database, "sea") == 1
    assert await wrong_counters(database) == []


async def test_edits_that_swap_hashtags_overlap(wide: Database) -> None:
    owner = await new_user(wide)
    names = [f"tag{number}" for number in range(6)]

    async def swap(video_id: VideoId, chance: random.Random) -> None:
        for _ in range(ROUNDS):
            await tag(wide, video_id, *chance.sample(names, 3))

    videos = [await added(wide, owner) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(swap(video_id, random.Random(video_id)) for video_id in videos))
    assert sum([await videos_of(wide, name) for name in names]) == 3 * len(videos)
    assert await wrong_counters(wide) == []


async def test_reactions_views_deletions_and_removed_users_overlap(wide: Database) -> None:
    """Each of them writes counters of several videos and owners, in an order of its own."""
    owners = [await new_user(wide) for _ in range(3)]
    users = [await new_user(wide) for _ in range(CONNECTIONS)]
    videos = [await added(wide, owner) for owner in owners for _ in range(6)]
    threads: list[tuple[VideoId, CommentId]] = []
    reactions = Reactions(wide, Toggles(wide))

    async def use(number: int, user_id: UserId) -> None:
        chance = random.Random(number)
        for _ in range(ROUNDS):
            match chance.randrange(7):
                case 0 | 1:
                    with suppress(VideoNotFound):
                        await reactions.toggle(chance.choice(list(Reaction)), chance.choice(videos), user_id, 0.0)
                case 2:
                    watched = dict.fromkeys(chance.sample(videos, 8), 1)
                    await record(wide, watched, number.to_bytes(4), chance.randrange(5), None, 1)
                case 3 | 4:
                    await write(chance.choice(videos), user_id)
                case 5 if threads:
                    await answer(*chance.choice(threads), user_id, is_removed=chance.random() < 0.5)
                case _:
                    async with wide.transaction() as connection:
                        await forget_person(connection, user_id)

    async def write(video_id: VideoId, user_id: UserId) -> None:
        async with wide.transaction() as connection:
            comment_id = await comments.add(connection, video_id, user_id, None, "a")
        threads.append((video_id, comment_id))

    async def answer(video_id: VideoId, comment_id: CommentId, user_id: UserId, *, is_removed: bool) -> None:
        async with wide.transaction() as connection:
            if is_removed:
                await remove(connection, comment_id)
            elif await comments.lock(connection, comment_id):
                for _ in range(3):
                    reply = await comments.add(connection, video_id, user_id, comment_id, "b")
                    await comments.like(connection, reply, user_id)

    async def delete_some() -> None:
        for number in range(0, 12, 3):
            await asyncio.sleep(0)
            async with wide.transaction() as connection:
                await deletion_store.hide(connection, videos[number : number + 3])

    await asyncio.gather(*(use(number, user_id) for number, user_id in enumerate(users)), delete_some())
    assert await wrong_counters(wide) == []


async def test_the_counters_of_a_deleted_comment_go_with_it(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    video_id = await added(database, ann)
    async with database.transaction() as connection:
        kept = await comments.add(connection, video_id, ann, None, "kept")
        thread = await comments.add(connection, video_id, ann, None, "deleted")
        reply = await comments.add(connection, video_id, ben, thread, "reply")
        for comment_id in (kept, thread, reply):
            await comments.like(connection, comment_id, ben)
        await remove(connection, thread)
    rows = await database.fetch("select name, subject_id, value from counter where name like 'comment.%'")
    assert [tuple(row) for row in rows] == [("comment.likes", kept, 1)]
    async with database.transaction() as connection:
        await comments.unlike(connection, kept, ben)
        await forget_person(connection, ann)
    assert await database.fetchval("select count(*) from counter where name like 'comment.%'") == 0
