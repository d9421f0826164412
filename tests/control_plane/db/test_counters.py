"""Counters: correct after any write to the counted tables, after a migration of a filled database, and without lock
waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.migrate import _CREATE, _RECORD, migrate, migrations
from control_plane.db.pool import Database
from control_plane.videos.sight import IN_FEEDS
from tests.control_plane.videos.rows import ADD_VIDEO, clips
from tests.postgres import EMPTY, TestPostgres, as_owner

COUNTERS = 8
"""The migration that added them."""

_FILL = """
    insert into app_user (username) select 'u' || n from generate_series(1, 50) as n;
    insert into sound (name, audio, duration_ms) select 's', 'a.mp3', 1 from generate_series(1, 10);
    {videos}
    insert into profile_visit (user_id, visitor_id, seen)
    select owner, visitor, (owner + visitor) % 3 = 0
    from generate_series(1, 4) as owner cross join generate_series(5, 50) as visitor;
"""
FILL = _FILL.format(
    videos=f"""{clips(300)}
    insert into video (user_id, content_id, sound_id) select 1 + n % 7, n, nullif(n % 5, 0) from generate_series(1, 300) as n;
"""
)
OLD_FILL = _FILL.format(
    videos="""
    insert into video (user_id, media, sound_id, duration_ms, width, height)
    select 1 + n % 7, 'v.mp4', nullif(n % 5, 0), 1, 1, 1 from generate_series(1, 300) as n;
"""
)
"""Before there were contents of videos."""
FOLLOWS = """
    insert into follow (follower_id, followed_id)
    select follower, followed from generate_series(1, 20) as follower cross join generate_series(1, 50) as followed
    where follower <> followed and (follower + followed) % 3 > 0;
"""
KEPT = f"""
    select u.id, {value_of("user.videos", "u.id")} as videos, {value_of("user.unseen_visits", "u.id")} as visits,
        {value_of("sound.videos", "u.id")} as sounds
    from generate_series(1, 60) as u (id) order by u.id
"""
KEPT_FOLLOWS = f"""
    select u.id, {value_of("user.followers", "u.id")} as followers, {value_of("user.following", "u.id")} as following
    from generate_series(1, 60) as u (id) order by u.id
"""
COUNTED_FOLLOWS = """
    select u.id, (select count(*) from follow where followed_id = u.id) as followers,
        (select count(*) from follow where follower_id = u.id) as following
    from generate_series(1, 60) as u (id) order by u.id
"""
FOLLOW_CHANGES = (
    "insert into follow (follower_id, followed_id) values (40, 41), (41, 40) on conflict do nothing",
    "delete from follow where (follower_id * followed_id) % 4 = 0",
    "update follow set notified = false where follower_id = 3",
    "delete from app_user where id in (19, 20, 49)",
)
COUNTED = f"""
    select u.id, (select count(*) from video where user_id = u.id and state = 'ready') as videos,
        (select count(*) from profile_visit where user_id = u.id and not seen) as visits,
        (select count(*) from video where sound_id = u.id and {IN_FEEDS}) as sounds
    from generate_series(1, 60) as u (id) order by u.id
"""
CHANGES = (
    "update video set description = '.'",
    "update video set state = 'processing' where id % 7 = 2",
    "update video set state = 'deleted', deleted_at = now() where id % 7 = 3",
    "update video set state = 'ready' where id % 14 = 2",
    "update video set sound_id = 2 where id % 3 = 0",
    "update video set sound_id = null where sound_id = 1",
    "update video set user_id = 9, sound_id = coalesce(sound_id, 7) where id between 100 and 130",
    "delete from video where id % 4 = 1",
    "update video set privacy = 'private' where id % 5 = 2",
    "update video set story = true where id % 10 = 4",
    "update video set hidden = not hidden where id % 6 < 4",
    "update video set privacy = 'public', hidden = false",
    "update profile_visit set seen = not seen where visitor_id % 2 = 0",
    "update profile_visit set user_id = 49 where user_id = 1 and visitor_id < 30",
    "insert into profile_visit (user_id, visitor_id) select 2, id from app_user where id <> 2"
    " on conflict (user_id, visitor_id) do update set visited_at = now(), seen = false",
    "delete from app_user where id in (40, 41, 42)",  # takes their visits along
    "delete from profile_visit where not seen and user_id = 4",
)


async def check(source: Database | Connection) -> None:
    assert await source.fetch(KEPT) == await source.fetch(COUNTED)


async def test_whatever_writes_the_tables_is_counted(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(FILL)
    await check(database)
    for change in CHANGES:
        await database.execute(change)
        await check(database)


async def test_follows_are_counted(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(FILL)
        await connection.execute(FOLLOWS)
    for change in ("select", *FOLLOW_CHANGES):
        await database.execute(change)
        assert await database.fetch(KEPT_FOLLOWS) == await database.fetch(COUNTED_FOLLOWS), change


async def test_what_is_undone_is_not_counted(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(FILL)
        await connection.execute(f"begin; {CHANGES[7]}; rollback")
    await check(database)


async def test_a_database_that_was_filled_before_is_counted(postgres: TestPostgres) -> None:
    async with postgres.database(EMPTY) as empty:
        dsn = as_owner(empty)
        old = await asyncpg.connect(dsn)
        try:
            await old.execute(_CREATE)
            for migration in migrations():
                if migration.version < COUNTERS:
                    await old.execute(migration.sql)
                    await old.execute(_RECORD, migration.version, migration.name)
            await old.execute(OLD_FILL)
            await migrate(dsn)
            assert await old.fetchval("select sum(value) from counter") > 300
            await check(old)
            await old.execute(CHANGES[7])
            await check(old)
        finally:
            await old.close()


@pytest.fixture
async def many(dsn: str) -> AsyncIterator[list[Connection]]:
    connections = [await asyncpg.connect(dsn) for _ in range(9)]
    yield connections
    for connection in connections:
        await connection.close()


VISIT = "insert into profile_visit (user_id, visitor_id) values (1, $1)"


async def test_no_writer_of_a_counter_waits_for_another_one(many: list[Connection]) -> None:
    first = many[0]
    await first.execute("insert into app_user (username) select 'u' || n from generate_series(1, 50) as n")
    await first.execute(ADD_VIDEO, 1)
    add = "select counter_add('user.unread', 1, 1), video_count_add('views', 1, 1)"
    async with AsyncExitStack() as open_transactions:
        for number, connection in enumerate(many):  # while those before hold their rows
            await connection.execute("set lock_timeout = '5s'")
            await connection.execute("select setseed($1)", number / 10)  # two may choose the same row by chance
            await open_transactions.enter_async_context(connection.transaction())
            await connection.execute(add)
            await connection.execute(add)
    for _ in range(20):
        await first.execute(add)
    for rows in ("select value from counter where name = 'user.unread'", "select views from video_count"):
        values = [row[0] for row in await first.fetch(rows)]
        assert (len(values), sum(values)) == (len(many), 2 * len(many) + 20), "no more rows than writers at once"


async def test_what_is_counted_at_once_is_counted_once_each(many: list[Connection]) -> None:
    await many[0].execute("insert into app_user (username) select 'u' || n from generate_series(1, 100) as n")

    async def visit(connection: Connection, number: int) -> None:
        for visitor in range(2 + number * 10, 12 + number * 10):
            await connection.execute(VISIT, visitor)

    await asyncio.gather(*(visit(connection, number) for number, connection in enumerate(many)))
    assert await many[0].fetchval(f"select {value_of('user.unseen_visits', '1')}") == 90
    await check(many[0])
