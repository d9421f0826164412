"""Uploads in parts: connections that meet, and writes that are interrupted or fail."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.storage.space import NoRoomForUploads, Space
from control_plane.videos.uploads import resumable
from control_plane.videos.uploads.model import ResumableUpload, UploadMissing
from control_plane.videos.uploads.resumable import CHUNK_BYTES, ResumableUploads
from tests.control_plane.people import new_user
from tests.waiting import until

SIZE = 4 * CHUNK_BYTES
PART = bytes(range(256)) * (CHUNK_BYTES // 256)


async def admit(user_id: UserId, size: int) -> None:
    """Every upload."""


def uploads_in(database: Database, folder: Path, reserve: int = 0) -> ResumableUploads:
    space = Space(folder, reserve)
    life = dt.timedelta(hours=1)
    return ResumableUploads(database, folder / "resumable", space, admit, open_uploads=5, life=life)


@pytest.fixture
def uploads(database: Database, tmp_path: Path) -> ResumableUploads:
    return uploads_in(database, tmp_path)


@pytest.fixture
async def upload(database: Database, uploads: ResumableUploads) -> ResumableUpload:
    return await uploads.create(await new_user(database), SIZE, "clip.mp4")


@pytest.fixture
def file(tmp_path: Path, upload: ResumableUpload) -> Path:
    return tmp_path / "resumable" / upload.id


async def parts(*content: bytes, stall: bool = False) -> AsyncIterator[bytes]:
    for part in content:
        yield part
    if stall:
        await asyncio.Event().wait()


async def test_a_connection_leaves_for_each_that_comes_after_it(
    uploads: ResumableUploads, upload: ResumableUpload, file: Path
) -> None:
    arrived = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"ab"
        arrived.set()
        await asyncio.Event().wait()

    first = asyncio.create_task(uploads.append(upload, 0, slowly()))
    async with asyncio.timeout(20):
        await arrived.wait()
    second = asyncio.create_task(uploads.append(upload, 2, parts(b"cd", stall=True)))
    third = asyncio.create_task(uploads.offset(upload))
    async with asyncio.timeout(20):
        assert list(await asyncio.gather(first, second, third)) == [2, 2, 2]
    assert file.read_bytes() == b"ab"
    assert not uploads._holders


def double(monkeypatch: pytest.MonkeyPatch, write: Callable[[int, bytes], int]) -> None:
    real = resumable._write_all

    def written(descriptor: int, content: bytes, *, flush: bool = False) -> int:
        return write(descriptor, content) if content else real(descriptor, content, flush=flush)

    monkeypatch.setattr(resumable, "_write_all", written)


async def test_what_is_written_when_a_call_is_cancelled_is_written_once(
    uploads: ResumableUploads, upload: ResumableUpload, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun, go_on = resumable._write_all, threading.Event(), threading.Event()

    def slowly(descriptor: int, content: bytes) -> int:
        begun.set()
        go_on.wait(20)
        return real(descriptor, content)

    double(monkeypatch, slowly)
    call = asyncio.create_task(uploads.append(upload, 0, parts(PART, stall=True)))
    await until(lambda: asyncio.sleep(0, begun.is_set()), what="a thread writes")
    call.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert file.read_bytes() == PART


async def test_what_a_full_disk_took_is_written_once(
    uploads: ResumableUploads, upload: ResumableUpload, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = resumable._write_all, list[bool]()

    def half(descriptor: int, content: bytes) -> int:
        if failed:
            return real(descriptor, content)
        failed.append(True)
        real(descriptor, content[:1000])
        raise OSError(errno.ENOSPC, "full")

    double(monkeypatch, half)
    with pytest.raises(OSError, match="full"):
        await uploads.append(upload, 0, parts(PART))
    assert file.read_bytes() == PART[:1000]


async def test_an_upload_that_expires_before_its_last_byte_is_missing(
    database: Database, uploads: ResumableUploads, upload: ResumableUpload, file: Path
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield bytes(SIZE - 1)
        await database.execute("update upload set expires_at = now()")
        await uploads.expire()
        yield b"x"

    with pytest.raises(UploadMissing):
        await uploads.append(upload, 0, slowly())
    assert not file.exists()


async def test_an_upload_does_not_expire_while_it_is_posted(
    database: Database, uploads: ResumableUploads, upload: ResumableUpload, file: Path
) -> None:
    await uploads.append(upload, 0, parts(PART * 4))
    async with uploads.taken(upload.user_id, upload.id) as (path, _):
        await database.execute("update upload set expires_at = now()")
        await uploads.expire()
        assert path.stat().st_size == SIZE
        async with database.transaction() as connection:
            await uploads.use(connection, upload)
    assert not file.exists()


async def test_the_reserve_of_the_disk_is_left_to_the_database(
    database: Database, tmp_path: Path, uploads: ResumableUploads, upload: ResumableUpload, file: Path
) -> None:
    """The space was there when the upload was created."""
    with pytest.raises(NoRoomForUploads):
        await uploads_in(database, tmp_path, reserve=1 << 60).append(upload, 0, parts(PART))
    assert file.read_bytes() == b""
    assert await uploads.append(upload, 0, parts(PART)) == len(PART)
