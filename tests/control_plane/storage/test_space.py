from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from control_plane.storage.space import NoRoomForUploads, Space


class Usage(NamedTuple):
    free: int


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Its free bytes."""
    free = [1000]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free[0]))
    return free


async def test_uploads_leave_the_reserve_free(tmp_path: Path, disk: list[int]) -> None:
    space = Space(tmp_path, 400)
    await space.check(600)
    with pytest.raises(NoRoomForUploads):
        await space.check(601)


async def test_uploads_that_have_not_arrived_count(tmp_path: Path, disk: list[int]) -> None:
    space = Space(tmp_path, 400)
    async with space.room(500) as room:
        with pytest.raises(NoRoomForUploads):
            await space.check(101)
        room.written(300)
        disk[0] -= 300
        await space.check(100)
        with pytest.raises(NoRoomForUploads):
            await space.check(101)
        room.written(300)  # more than it said
        disk[0] -= 300
        assert space.reserved == 0
        with pytest.raises(NoRoomForUploads):
            async with space.room(1):
                pass
    disk[0] = 1000
    await space.check(600)


async def test_folders_of_one_disk_share_their_reservations(tmp_path: Path) -> None:
    space = Space(tmp_path, 400)
    (tmp_path / "below").mkdir()
    assert space.of(tmp_path / "below") is space
    other = space.of(Path("/proc"))
    assert other is not space
    with pytest.raises(NoRoomForUploads):  # it keeps a reserve of its own
        await other.check(0)


async def test_a_refused_upload_reserves_nothing(tmp_path: Path, disk: list[int]) -> None:
    space = Space(tmp_path, 400)
    with pytest.raises(NoRoomForUploads):
        async with space.room(601):
            pass
    with pytest.raises(ValueError, match="broken"):
        async with space.room(600):
            raise ValueError("broken")
    await space.check(600)
