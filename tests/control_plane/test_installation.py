"""Which database this is: a restored one is told from the one before, and production refuses one of development mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.db.pool import Database
from control_plane.events import store
from control_plane.events.snapshot import Resume
from control_plane.ids import StreamId
from control_plane.installation import UnusableIncarnation, UsedInDevelopment, check_mode, recognise
from tests.control_plane.people import new_user


@pytest.fixture
async def stream_id(database: Database) -> StreamId:
    made = "insert into stream (user_id, path, grace_s) values ($1, 'live/1', 60) returning id"
    stream_id: StreamId = await database.fetchval(made, await new_user(database))
    async with database.transaction() as connection:
        await store.create_log(connection, stream_id)
    return stream_id


async def epoch(database: Database) -> str:
    found: str = await database.fetchval("select epoch from stream_log")
    return found


@pytest.mark.usefixtures("stream_id")
async def test_the_same_database_is_recognised_at_every_start(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "incarnation.json"
    before = await epoch(database)
    for _ in range(3):
        assert await recognise(database, path)
    assert await epoch(database) == before
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("file_is_kept", [True, False])
async def test_a_database_that_was_restored_elsewhere_gets_new_epochs(
    database: Database, stream_id: StreamId, tmp_path: Path, *, file_is_kept: bool
) -> None:
    """As a restore leaves it: the rows as they were, in a table that was made again."""
    path = tmp_path / "incarnation.json"
    assert await recognise(database, path)
    before = await epoch(database)
    async with database.transaction() as connection:
        await connection.execute(
            "alter table installation rename to dumped; create table installation (like dumped including all);"
            "insert into installation select * from dumped; drop table dumped"
        )
    if not file_is_kept:
        path.unlink()
    assert not await recognise(database, path)
    assert await epoch(database) != before
    async with database.transaction() as connection:
        snapshot = await store.snapshot(connection, stream_id, Resume(0, before))
    assert snapshot is not None
    assert not snapshot.recovered
    assert await recognise(database, path), "once"


@pytest.mark.usefixtures("stream_id")
async def test_another_database_in_the_place_of_the_one_before_gets_new_epochs(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "incarnation.json"
    assert await recognise(database, path)
    before = await epoch(database)
    await database.execute("update installation set incarnation = 'of an earlier copy of the files'")
    assert not await recognise(database, path)
    assert await epoch(database) != before


async def test_a_damaged_file_is_said_and_changes_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "incarnation.json"
    path.write_text("{")
    with pytest.raises(UnusableIncarnation, match=r"incarnation\.json"):
        await recognise(database, path)


async def test_production_refuses_a_database_of_development_mode(database: Database) -> None:
    await check_mode(database, dev=False)
    await check_mode(database, dev=True)
    await check_mode(database, dev=True)
    with pytest.raises(UsedInDevelopment, match="development mode"):
        await check_mode(database, dev=False)
