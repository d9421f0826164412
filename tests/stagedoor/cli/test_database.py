"""Which commands need a database, and which make or migrate one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.db.migrate import DatabaseIsNewer, DatabaseIsOlder, migrations
from control_plane.db.pool import Database, connect
from stagedoor.cli.database import NoDatabase
from tests.postgres import EMPTY, TestPostgres, as_owner, by_owner
from tests.stagedoor.cli.typed import typed

NEED_A_DATABASE = (
    "users list", "users show anna", "users add anna", "users operator anna", "users revoke anna", "users ban anna --yes",
    "users verifications list", "users verifications approve 1",
    "users unban anna", "users delete anna --yes", "users export anna",
    "token anna", "stream list", "stream end 1", "stream rotate 1", "stream revoke 1",
    "stream ban 1 --yes", "audit", "jobs list", "jobs show 1", "jobs retry 1", "jobs drop 1", "secrets rotate",
    "database renew --yes", "database production --yes",
)  # fmt: skip
SCHEMA = "select count(*) from information_schema.tables where table_schema = 'public'"


@pytest.fixture
async def empty(postgres: TestPostgres) -> AsyncIterator[str]:
    async with postgres.database(EMPTY) as dsn:
        yield dsn


async def tables(dsn: str) -> int:
    connection = await connect(dsn)
    try:
        return int(await connection.fetchval(SCHEMA))
    finally:
        await connection.close(timeout=5)


@pytest.mark.parametrize("command", NEED_A_DATABASE)
async def test_without_a_database_a_command_says_so_and_makes_nothing(command: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "mistyped"
    result = await typed(*command.split(), LIVE_DATA_DIR=str(data_dir))
    assert isinstance(result.exception, NoDatabase), result.output
    assert f"no database in {data_dir}" in str(result.exception)
    assert "`stagedoor run`" in str(result.exception)
    assert result.exit_code == 1
    assert not data_dir.exists()


@pytest.mark.parametrize("command", ["users list", "users add anna", "jobs list", "secrets rotate"])
async def test_only_migrate_migrates(command: str, empty: str, tmp_path: Path) -> None:
    owner = {"LIVE_DATABASE_OWNER_URL": as_owner(empty)}
    settings = {"LIVE_DATABASE_URL": empty, "LIVE_DATA_DIR": str(tmp_path)}
    refused = await typed(*command.split(), **settings)
    assert isinstance(refused.exception, DatabaseIsOlder)
    assert str(refused.exception) == "The database is empty: start the server, or run `stagedoor migrate`."
    assert await tables(empty) == 0
    assert not any(tmp_path.iterdir())

    assert f"{len(migrations())} migrations applied." in (await typed("migrate", **settings, **owner)).output
    assert (await typed(*command.split(), **settings)).exit_code == 0


async def test_a_schema_of_another_release_is_told(database: Database, dsn: str) -> None:
    latest = migrations()[-1].version
    await by_owner(database, f"delete from schema_migration where version = {latest}")
    older = (await typed("users", "list", LIVE_DATABASE_URL=dsn)).exception
    assert isinstance(older, DatabaseIsOlder)
    assert f"this release needs {latest}: start the server, or run `stagedoor migrate`" in str(older)
    await by_owner(database, "insert into schema_migration (version, name) values (9999, 'later')")
    newer = (await typed("users", "list", LIVE_DATABASE_URL=dsn)).exception
    assert isinstance(newer, DatabaseIsNewer)
    assert "schema version 9999" in str(newer)
