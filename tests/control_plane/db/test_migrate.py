"""Migration of a database to this release's schema."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control_plane.db.migrate import DatabaseIsNewer, migrate, migrations
from control_plane.db.pool import DatabaseUnavailable
from tests.postgres import EMPTY, TestPostgres, as_owner

ALL = [(migration.version, migration.name) for migration in migrations()]
TABLES = "select array_agg(table_name::text order by table_name) from information_schema.tables where table_schema = 'public'"


@pytest.fixture
async def dsn(postgres: TestPostgres) -> AsyncIterator[str]:
    """An empty database, as its owner."""
    async with postgres.database(EMPTY) as dsn:
        yield as_owner(dsn)


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def recorded(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[int, str]]:
    rows = await connection.fetch("select version, name from schema_migration order by version")
    return [(row["version"], row["name"]) for row in rows]


def test_every_migration_has_a_number_of_its_own() -> None:
    versions = [version for version, _ in ALL]
    assert versions == sorted(set(versions))
    assert versions[0] == 1


async def test_a_new_database_gets_every_migration(dsn: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    told: list[str] = []
    assert await migrate(dsn, told.append) == len(ALL)
    assert await recorded(connection) == ALL
    assert told == [f"migration {version:04} {name.replace('_', ' ')}" for version, name in ALL]
    assert {"app_user", "stream", "stream_event", "ledger_entry"} <= set(await connection.fetchval(TABLES))


async def test_a_migrated_database_is_left_alone(dsn: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await migrate(dsn)
    await connection.execute("insert into app_user (username) values ('ann')")
    told: list[str] = []
    assert await migrate(dsn, told.append) == 0
    assert told == []
    assert await connection.fetchval("select username from app_user") == "ann"


async def test_two_at_once_share_the_work(dsn: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    assert sorted(await asyncio.gather(*(migrate(dsn) for _ in range(4)))) == [0, 0, 0, len(ALL)]
    assert await recorded(connection) == ALL


async def test_the_database_of_a_newer_release_is_refused_unchanged(
    dsn: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await migrate(dsn)
    newer = ALL[-1][0] + 1
    await connection.execute("delete from schema_migration where version = 1")  # would be applied, and fail
    await connection.execute("insert into schema_migration (version, name) values ($1, 'of_the_future')", newer)
    with pytest.raises(DatabaseIsNewer) as refused:
        await migrate(dsn)
    assert str(refused.value) == (
        f"The database has schema version {newer}, this release knows {ALL[-1][0]}: "
        "start the newer release, or restore a backup from before the upgrade."
    )
    assert (newer, "of_the_future") in await recorded(connection)


async def test_a_migration_that_fails_leaves_nothing_behind(
    dsn: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await connection.execute("create table gift ()")  # in its way
    with pytest.raises(asyncpg.DuplicateTableError):
        await migrate(dsn)
    assert await connection.fetchval(TABLES) == ["gift", "schema_migration"]
    assert await recorded(connection) == []
    await connection.execute("drop table gift")
    assert await migrate(dsn) == len(ALL)


async def test_a_server_that_is_away_is_told_as_such() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(DatabaseUnavailable):
            await migrate(f"postgresql://stagedoor@127.0.0.1:{nobody.getsockname()[1]}/stagedoor")
