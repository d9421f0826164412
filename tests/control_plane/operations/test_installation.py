"""Identity of a database, and that production refuses one of development mode. Real restores: `test_restore.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from control_plane.db.pool import Database
from control_plane.operations.installation import (
    Found,
    NotInstalled,
    UnusableIncarnation,
    UsedInDevelopment,
    check_mode,
    recognise,
)
from control_plane.streams import store as streams
from tests.control_plane.live.readers import new_stream


async def test_the_same_database_is_recognised_at_every_start(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "incarnation.json"
    stream_id = await new_stream(database)
    before = await streams.get(database, stream_id), await database.fetchval("select epoch from stream_log")
    for _ in range(3):
        assert await recognise(database, path) is Found.SAME
    assert before == (await streams.get(database, stream_id), await database.fetchval("select epoch from stream_log"))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_another_database_in_the_place_of_the_one_before_is_no_continuation(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "incarnation.json"
    assert await recognise(database, path) is Found.SAME
    await database.execute("update installation set incarnation = 'of an earlier copy of the files'")
    assert await recognise(database, path) is Found.RESTORED


async def test_a_lost_file_alone_says_nothing(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "incarnation.json"
    assert await recognise(database, path) is Found.SAME
    path.unlink()
    assert await recognise(database, path) is Found.SAME


async def test_the_file_of_the_release_before_is_understood(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "incarnation.json"
    assert await recognise(database, path) is Found.SAME
    written = json.loads(path.read_text())
    path.write_text(json.dumps({name: written[name] for name in ("incarnation", "seen")}))
    assert await recognise(database, path) is Found.SAME


async def test_a_file_of_an_earlier_incarnation_is_only_old(database: Database, tmp_path: Path) -> None:
    """A second machine that takes over by turns has a file of its own: it must not end all sessions at each turn."""
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    for path in (here, there):
        assert await recognise(database, path) is Found.SAME
    await database.execute("update installation set seen = 'elsewhere'")
    assert await recognise(database, here) is Found.RESTORED
    for path in (there, here, there):
        assert await recognise(database, path) is Found.SAME


async def test_a_half_restored_database_is_said(database: Database, tmp_path: Path) -> None:
    await database.execute("delete from installation")
    with pytest.raises(NotInstalled, match="Restore it completely"):
        await recognise(database, tmp_path / "incarnation.json")


@pytest.mark.parametrize("beat", ["", "1e400}", "-1}", "99999999999999999999}", '"x"}'])
async def test_a_damaged_file_is_said_and_changes_nothing(database: Database, tmp_path: Path, beat: str) -> None:
    path = tmp_path / "incarnation.json"
    path.write_text('{"incarnation": "x", "seen": "y", "beat": ' + beat)
    with pytest.raises(UnusableIncarnation, match=r"incarnation\.json"):
        await recognise(database, path)


async def test_production_refuses_a_database_of_development_mode(database: Database) -> None:
    await check_mode(database, dev=False)
    await check_mode(database, dev=True)
    await check_mode(database, dev=True)
    with pytest.raises(UsedInDevelopment, match="development mode"):
        await check_mode(database, dev=False)
