"""Files of mode 0600."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from control_plane.base import private_file


def test_a_private_file_is_its_owners_only_and_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "secret"
    private_file.replace(path, "first")
    first = path.stat()
    private_file.replace(path, "second")
    assert path.read_text() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_ino != first.st_ino
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_a_private_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    private_file.replace(path, "first")
    with pytest.raises(UnicodeEncodeError):
        private_file.replace(path, "\udcff")
    assert path.read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_private_log_is_its_owners_only_and_is_appended_to_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with private_file.append(path) as first, private_file.append(path) as second:
        first.write(b"one\n")
        second.write(b"two\n")
        assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_private_file_that_is_written_in_pieces_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "export"
    private_file.replace(path, "old")
    with pytest.raises(UnicodeEncodeError), private_file.writing(path) as file:
        file.write("half\udcff")
    assert path.read_text() == "old"
    with private_file.writing(path) as file:
        file.write("first\r\n")
        file.flush()
        assert path.read_text() == "old"
        file.write("second\r\n")
    assert path.read_bytes() == b"first\r\nsecond\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["export"]
