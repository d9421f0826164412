"""One thumbnail per stream, kept for an hour after its end."""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path

import pytest

from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.streams.probing.thumbnails import Thumbnails, delete_old_thumbnails
from tests.control_plane.live.readers import new_stream

ONE, TWO = StreamId(1), StreamId(2)


async def test_a_stream_has_a_picture_once_one_is_written(tmp_path: Path, database: Database) -> None:
    thumbnails = Thumbnails(tmp_path, database)
    thumbnails.open([])
    assert thumbnails.name(ONE) == ""
    thumbnails.file(ONE).write_bytes(b"jpeg")
    thumbnails.written(ONE)
    assert (tmp_path / thumbnails.name(ONE)).read_bytes() == b"jpeg"


async def test_each_picture_has_another_address(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbnails = Thumbnails(tmp_path, database)
    thumbnails.open([])
    assert thumbnails.address(ONE) == ""
    addresses = []
    for second in (1, 2):
        monkeypatch.setattr("time.time_ns", lambda: second * 1_000_000_000)  # noqa: B023
        thumbnails.written(ONE)
        addresses.append(thumbnails.address(ONE))
    assert addresses == ["thumbnails/1.jpg?v=1000", "thumbnails/1.jpg?v=2000"]


async def test_a_job_deletes_it_an_hour_after_the_end(tmp_path: Path, database: Database) -> None:
    thumbnails = Thumbnails(tmp_path, database)
    thumbnails.open([])
    running = await new_stream(database)
    now = utc_now()
    just_ended = await new_stream(database, status="ended", ended_at=now - dt.timedelta(minutes=59))
    long_over = await new_stream(database, status="ended", ended_at=now - dt.timedelta(minutes=61))
    unknown = StreamId(long_over + 1)
    for stream_id in (running, just_ended, long_over, unknown):
        thumbnails.file(stream_id).write_bytes(b"jpeg")
        thumbnails.written(stream_id)
    for _ in range(2):  # what was done before is no error
        await delete_old_thumbnails.bind(thumbnails).run(None)
        assert files(tmp_path) == {f"{running}.jpg", f"{just_ended}.jpg"}
        assert thumbnails.name(just_ended)
        assert (thumbnails.name(long_over), thumbnails.name(unknown)) == ("", "")


def test_the_picture_of_a_hidden_stream_is_deleted_at_once(tmp_path: Path, database: Database) -> None:
    thumbnails = Thumbnails(tmp_path, database)
    thumbnails.open([])
    for stream_id in (ONE, TWO):
        thumbnails.file(stream_id).write_bytes(b"jpeg")
        thumbnails.written(stream_id)
    thumbnails.hide([ONE])
    assert (thumbnails.name(ONE), thumbnails.name(TWO)) == ("", "thumbnails/2.jpg")
    assert files(tmp_path) == {"2.jpg"}


async def test_what_killed_probes_leave_behind_is_deleted_when_it_is_old(tmp_path: Path, database: Database) -> None:
    thumbnails = Thumbnails(tmp_path, database)
    await thumbnails.delete_old()  # before there is a folder
    thumbnails.open([])
    for name in (".1.jpg.4711", ".1.jpg.4712", f"{10**12}.jpg", "x"):
        (tmp_path / "thumbnails" / name).touch()
        if name != ".1.jpg.4712":
            os.utime(tmp_path / "thumbnails" / name, (time.time() - 3700,) * 2)
    await thumbnails.delete_old()
    assert files(tmp_path) == {".1.jpg.4712"}


async def test_a_start_goes_on_with_the_pictures_of_unfinished_streams(tmp_path: Path, database: Database) -> None:
    (tmp_path / "thumbnails").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "thumbnails" / name).touch()
    thumbnails = Thumbnails(tmp_path, database)
    thumbnails.open([ONE])
    assert (thumbnails.name(ONE), thumbnails.name(TWO)) == ("thumbnails/1.jpg", "")


def files(media_dir: Path) -> set[str]:
    return {file.name for file in (media_dir / "thumbnails").iterdir()}
