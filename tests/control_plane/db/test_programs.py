"""PostgreSQL's executables: where they are found, and how the copy for root is made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from control_plane.base.child import Account
from control_plane.db.embedded import programs
from control_plane.db.embedded.programs import copy_programs, programs_for

SOMEBODY = Account("somebody", 12345, 12345)


@pytest.fixture
def roots_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(programs, "ROOTS_STATE", tmp_path / "state")
    return tmp_path / "state"


def version_of(folder: Path) -> str:
    return subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, timeout=10).stdout


def test_the_package_brings_a_16() -> None:
    assert version_of(programs_for(None)).startswith("postgres (PostgreSQL) 16.")


def test_roots_copy_is_complete_and_only_root_can_write_it(roots_state: Path) -> None:
    before = os.umask(0o077)
    try:
        copy_programs()
    finally:
        os.umask(before)
    folder = programs_for(SOMEBODY)
    assert folder.is_relative_to(roots_state)
    assert version_of(folder) == version_of(programs_for(None))
    for path in [roots_state, *roots_state.rglob("*")]:
        if not path.is_symlink():
            assert path.stat().st_mode & 0o777 in (0o755, 0o644)
            assert not path.is_dir() or path.stat().st_mode & 0o777 == 0o755


def test_a_second_copy_keeps_the_first_and_leaves_nothing_beside_it(roots_state: Path) -> None:
    copy_programs()
    first = programs_for(SOMEBODY).stat().st_ino
    copy_programs()
    assert programs_for(SOMEBODY).stat().st_ino == first
    assert len(list((roots_state / "bin").iterdir())) == 1
