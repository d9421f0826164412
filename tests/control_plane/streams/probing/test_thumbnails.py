"""One thumbnail per stream, kept for an hour after its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.base.ids import StreamId
from control_plane.streams.probing.thumbnails import Thumbnails

ONE, TWO = StreamId(1), StreamId(2)


def test_a_stream_has_a_picture_once_one_is_written(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path)
    thumbnails.open([])
    assert thumbnails.name(ONE) == ""
    thumbnails.file(ONE).write_bytes(b"jpeg")
    thumbnails.written(ONE)
    assert (tmp_path / thumbnails.name(ONE)).read_bytes() == b"jpeg"


def test_each_picture_has_another_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = Thumbnails(tmp_path)
    thumbnails.open([])
    assert thumbnails.address(ONE) == ""
    addresses = []
    for second in (1, 2):
        monkeypatch.setattr("time.time_ns", lambda: second * 1_000_000_000)  # noqa: B023
        thumbnails.written(ONE)
        addresses.append(thumbnails.address(ONE))
    assert addresses == ["thumbnails/1.jpg?v=1000", "thumbnails/1.jpg?v=2000"]


def test_it_is_deleted_an_hour_after_the_end(tmp_path: Path) -> None:
    now = 0.0
    thumbnails = Thumbnails(tmp_path, monotonic=lambda: now)
    thumbnails.open([])
    for stream_id in (ONE, TWO):
        thumbnails.file(stream_id).write_bytes(b"jpeg")
        thumbnails.written(stream_id)
    for now in (0.0, 10.0, 3600.0):
        thumbnails.keep([TWO])
        assert thumbnails.name(ONE) == ("thumbnails/1.jpg" if now < 3600 else "")
    assert [file.name for file in (tmp_path / "thumbnails").iterdir()] == ["2.jpg"]


def test_the_picture_of_a_hidden_stream_is_deleted_at_once(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path)
    thumbnails.open([])
    for stream_id in (ONE, TWO):
        thumbnails.file(stream_id).write_bytes(b"jpeg")
        thumbnails.written(stream_id)
    thumbnails.keep([ONE, TWO], hidden=[ONE])
    assert (thumbnails.name(ONE), thumbnails.name(TWO)) == ("", "thumbnails/2.jpg")
    assert [file.name for file in (tmp_path / "thumbnails").iterdir()] == ["2.jpg"]


def test_a_start_keeps_the_pictures_of_unfinished_streams_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "thumbnails"
    folder.mkdir()
    for name in ("1.jpg", "2.jpg", ".1.jpg.4711", "x"):
        (folder / name).touch()
    thumbnails = Thumbnails(tmp_path)
    thumbnails.open([ONE])
    assert [file.name for file in folder.iterdir()] == ["1.jpg"]
    assert (thumbnails.name(ONE), thumbnails.name(TWO)) == ("thumbnails/1.jpg", "")
