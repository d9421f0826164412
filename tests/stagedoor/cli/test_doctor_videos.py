"""The finding of `stagedoor doctor` about the files of videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.storage.files import Files
from control_plane.storage.places import Folder
from stagedoor.cli.doctor import videos as doctors
from stagedoor.cli.doctor.finding import Finding, State
from stagedoor.cli.doctor.installation import Installation
from stagedoor.cli.doctor.videos import files
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO, add_stored
from tests.postgres import by_owner

CONTENT = {"media": b"m", "small": b"s", "poster": b"p"}


async def looked(dsn: str | None, folder: Path) -> Finding | None:
    settings = Settings(data_dir=folder)
    return await files(Installation(settings, False, False, {}, False, Ports.of(settings), dsn, ""))


@pytest.fixture
async def stored(database: Database, tmp_path: Path) -> Files:
    """Three contents with files, and a clip of the demo."""
    stored = Files(Folder(tmp_path / "media"), database)
    user_id = await new_user(database)
    for _ in range(3):
        await add_stored(database, stored, user_id, CONTENT)
    await database.execute(ADD_VIDEO, user_id)
    await database.execute("update video_content set created_at = now() - interval '2 hours'")
    return stored


@pytest.mark.usefixtures("stored")
async def test_rows_and_files_that_fit(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctors, "PAGE", 2)
    finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert (finding.state, finding.text) == (State.OK, "rows and files fit; 9 files were looked for")
    assert await looked(None, tmp_path) is None


async def test_a_lost_file(dsn: str, database: Database, stored: Files, tmp_path: Path) -> None:
    name = await database.fetchval("select poster from video_content order by id limit 1")
    await stored.storage.delete(name)
    finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert (finding.state, finding.text) == (State.BROKEN, f"files are lost: {name}")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("update stored_file set state = 'deleting' where name = (select media from video_content where id = 1)", "content 1 lacks private/"),
        ("update video_content set poster = '' where id = 2", "content 2 lacks a file"),
        ("update video_content set state = 'processing' where id = 2", "content 2 lacks a file"),
        ("delete from file_use where used_by = 'video_content/3/small'", "content 3 lacks private/"),
        ("update file_use set used_by = 'video_content/77/media' where used_by = 'video_content/1/media'", "is kept for no video"),
        ("update video_content set small = '' where id = 2", "is kept for no video"),
        ("delete from video where content_id = 2", "content 2 has no video"),
    ],
)  # fmt: skip
async def test_rows_without_files_and_files_without_rows(
    dsn: str, database: Database, tmp_path: Path, fault: str, text: str
) -> None:
    await by_owner(database, fault)
    finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert finding.state is State.BROKEN
    assert text in finding.text


@pytest.mark.usefixtures("stored")
async def test_a_busy_database_is_left_alone(
    dsn: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctors, "WITHIN_S", 0.2)
    async with database.transaction() as connection:
        await connection.execute("lock table video_content")
        finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert finding.state is State.WARNING
