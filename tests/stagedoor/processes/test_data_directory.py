from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stagedoor.processes.data_directory import DataDirectoryInUse, NoDataDirectory, data_directory


def test_without_disk_space_it_says_so_and_lets_go(tmp_path: Path) -> None:
    too_much = shutil.disk_usage(tmp_path).total + (1 << 30)
    with pytest.raises(NoDataDirectory, match="No disk space: "), data_directory(tmp_path / "data", too_much):
        pass
    with data_directory(tmp_path / "data"):
        pass


def test_it_is_one_server_s_alone(tmp_path: Path) -> None:
    with data_directory(tmp_path), pytest.raises(DataDirectoryInUse), data_directory(tmp_path):
        pass
    with data_directory(tmp_path):
        pass


def test_uploads_that_a_killed_server_left_are_deleted(tmp_path: Path) -> None:
    left = tmp_path / "uploads" / "upload-1" / "0"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a video")
    with data_directory(tmp_path):
        assert not left.exists()
