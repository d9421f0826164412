"""Blocks: what ends with them, together with follows that are written at the same time, and what they notify."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.postgres import PostgresBus
from control_plane.db.counters import value_of
from control_plane.db.pool import Database
from control_plane.social.blocked_users import BlockedUsers
from control_plane.social.blocks import Blocks
from control_plane.social.blocks_store import all_blocked_with, are_blocked, blocked_pairs, blocked_with
from control_plane.social.toggles import Toggles, lock_pair
from tests.control_plane.backends import waiting_backend
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block, follow
from tests.control_plane.watched_database import watched_database
from tests.waiting import in_background, until


async def users(database: Database, count: int) -> Sequence[UserId]:
    return [await new_user(database) for _ in range(count)]


async def test_a_block_ends_follows_requests_and_visits_in_both_directions_and_no_others(database: Database) -> None:
    ann, ben, carla = await users(database, 3)
    for one, other in ((ann, ben), (ben, ann), (ann, carla), (carla, ben)):
        await follow(database, one, other)
        for statement in (
            "insert into follow_request (requester_id, requested_id) values ($1, $2)",
            "insert into profile_visit (user_id, visitor_id) values ($1, $2)",
        ):
            await database.execute(statement, one, other)
    await Blocks(Toggles(database)).toggle(ann, ben, arrived=0)
    for table in ("follow", "follow_request", "profile_visit"):
        assert await database.fetchval(f"select count(*) from {table}") == 2, table
    counts = await database.fetch(
        f"""select {value_of("user.followers", "u.id")} as followers, {value_of("user.following", "u.id")} as following,
                {value_of("user.unseen_visits", "u.id")} as visits
            from app_user u order by u.id"""
    )
    assert [tuple(row) for row in counts] == [(0, 1, 1), (1, 0, 0), (1, 1, 1)]


async def test_a_block_waits_for_a_follow_that_is_being_written_and_ends_it(database: Database) -> None:
    ann, ben = await users(database, 2)
    async with database.transaction() as connection:
        await lock_pair(connection, ben, ann)
        await connection.execute("insert into follow (follower_id, followed_id) values ($1, $2)", ben, ann)
        blocking = asyncio.create_task(Blocks(Toggles(database)).toggle(ann, ben, arrived=0))
        await waiting_backend(database)
    assert (await blocking).relation.block is not None
    assert await database.fetchval("select count(*) from follow") == 0


async def test_two_who_block_each_other_at_once_do_not_wait_for_each_other_forever(database: Database) -> None:
    """One comes first; the other is refused, because a user who blocks the caller is unknown to the caller."""
    blocks = Blocks(Toggles(database))
    for _ in range(10):
        ann, ben = await users(database, 2)
        results = await asyncio.gather(
            blocks.toggle(ann, ben, arrived=0), blocks.toggle(ben, ann, arrived=0), return_exceptions=True
        )
        assert sum(isinstance(result, BaseException) for result in results) == 1
        assert await blocked_pairs(database, [(ann, ben)]) == {(ann, ben)}


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 0), (0, 2), (2, 3)])
async def test_all_forms_of_the_question_agree(database: Database, one: int, other: int) -> None:
    everybody = await users(database, 4)
    await block(database, everybody[0], everybody[1])
    await block(database, everybody[2], everybody[0])
    a, b = everybody[one], everybody[other]
    expected = 0 in (one, other)
    assert await database.fetchval("select are_blocked($1, $2)", a, b) is expected
    assert await database.fetchval(f"select {are_blocked('$1::integer', '$2::integer')}", a, b) is expected
    assert await database.fetchval(f"select $2::integer in {blocked_with('$1::integer')}", a, b) is expected
    assert ((a, b) in await blocked_pairs(database, [(a, b), (b, b)])) is expected
    assert (b in await all_blocked_with(database, a)) is expected
    for question in ("are_blocked($1::integer, null)", are_blocked("$1::integer", "null::integer")):
        assert await database.fetchval(f"select {question}", a) is False, "a guest"


async def test_a_viewers_blocks_are_cached_until_a_block_is_notified(dsn: str) -> None:
    async with watched_database(dsn) as database:
        ann, ben, carla = await users(database, 3)
        bus = PostgresBus(dsn)
        cache = BlockedUsers(database)
        cache.follow(bus)
        told: list[int] = []
        bus.subscribe(Topic.BLOCK, lambda message: told.append(message.id))
        blocks = Blocks(Toggles(database))
        async with in_background(bus.run()):
            await bus.connected.wait()
            before = database.uses
            for _ in range(3):
                assert [await cache.of(user) for user in (ann, ben, carla)] == [frozenset()] * 3
            assert database.uses == before + 3
            await blocks.toggle(ann, ben, arrived=0)
            await until(lambda: len(told) == 2)
            assert told == [ann, ben]
            before = database.uses
            assert [await cache.of(user) for user in (ann, ben, carla)] == [{ben}, {ann}, set()]
            assert database.uses == before + 2
            await blocks.toggle(ann, ben, arrived=0, wanted=False)
            await until(lambda: len(told) == 4)
            assert [await cache.of(user) for user in (ann, ben)] == [frozenset()] * 2
            before = database.uses
            assert await cache.of(None) == frozenset()
            assert database.uses == before, "a guest"


async def test_a_block_that_is_notified_while_the_blocks_are_read_is_not_missed(dsn: str) -> None:
    async with watched_database(dsn) as database:
        ann, ben = await users(database, 2)
        cache = BlockedUsers(database)
        database.passing.clear()
        reading = asyncio.create_task(cache.of(ann))
        await until(lambda: database.kept_back)
        await block(database, ann, ben)
        cache.forget(ann)
        database.passing.set()
        await reading
        assert await cache.of(ann) == {ben}
