"""Files with rows: the protocol that keeps storage and database equal, whatever is killed when.

A file is stored in three steps. `add` commits a pending row and then puts the file. `use`, in the transaction of what
refers to the file, makes the row kept. A use that ends makes the row deleting, and enqueues a job that deletes the
file, then the row. So a file without a row, and a kept row without a file, cannot arise; a crash leaves pending or
deleting rows, which a nightly job finishes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.storage import store
from control_plane.storage.model import FileName, Storage, private_name, public_name

ABANDONED = dt.timedelta(days=1)
"""Age after which a pending file counts as given up. Smaller: an upload whose transaction is slow loses its file."""
OVERDUE = dt.timedelta(hours=3)
"""Age after which a deletion is enqueued again. Smaller: it is enqueued beside a job that still retries."""
DELETE_DEADLINE_S = 40.0
"""Of the transaction that holds the row while the file is deleted. Smaller than the storage's own: it is cut off."""


class FileDeletedMeanwhile(ControlPlaneError):
    """The last use of equal content ended between `add` and `use`."""

    code = "file_deleted_meanwhile"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The file could not be kept. Please try again.")


class TooManyUploads(ControlPlaneError):
    code = "too_many_uploads"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("That was the last upload for today. Please try again tomorrow.")


class Measured(NamedTuple):
    size: int
    sha256: bytes


class Files:
    def __init__(self, storage: Storage, database: Database) -> None:
        self.storage = storage
        self._database = database

    async def add(
        self,
        kind: str,
        content: Path | bytes,
        extension: str,
        *,
        owner: UserId | None,
        public: bool = True,
        measured: Measured | None = None,
    ) -> FileName:
        """Store a file that nothing uses yet. Public files of equal content have the same name. `measured`: its size and
        hash, if the caller knows them. Raises StorageUnavailable."""
        if measured is None:
            measured = await asyncio.to_thread(_measure, content)
        size, sha256 = measured
        name = public_name(kind, sha256, extension) if public else private_name(extension)
        if not await store.add(self._database, name, kind, public=public, owner=owner, size=size, sha256=sha256):
            await self.storage.put(name, content)
        return name

    async def use(self, connection: Connection, used_by: str, names: Collection[FileName]) -> None:
        """Make `names` the only files of `used_by`, such as `user/7/picture`, in the transaction that writes them into
        its row. Files that nothing uses any more are deleted after the commit. Raises FileDeletedMeanwhile."""
        left = await store.set_uses(connection, used_by, names)
        if left is None:
            raise FileDeletedMeanwhile
        for name in left:
            await delete_file.enqueue(connection, name=name)

    async def discard(self, name: FileName) -> None:
        """Delete a file that was added, if nothing uses it."""
        async with self._database.transaction() as connection:
            if await store.discard(connection, name):
                await delete_file.enqueue(connection, name=name)

    async def count_upload(self, user_id: UserId, kind: str, most: int) -> None:
        """Count one upload of the user today. Raises TooManyUploads after `most`."""
        if not await store.count_upload(self._database, user_id, kind, most):
            raise TooManyUploads

    async def delete(self, name: str) -> None:
        """Delete a file whose row is deleting, and the row. The row is locked meanwhile: an upload of equal content
        waits, and stores the file again."""
        async with self._database.transaction(DELETE_DEADLINE_S) as connection:
            if await store.lock_deleting(connection, name):
                await self.storage.delete(FileName(name))
                await store.remove(connection, name)

    async def finish(self) -> None:
        """Delete what was never used, and what should have been deleted. Enqueues at most 1,000 deletions."""
        async with self._database.transaction() as connection:
            await store.abandon(connection, ABANDONED)
            for name in await store.deleting(connection, OVERDUE):
                await delete_file.enqueue(connection, name=name)
        await self.storage.sweep(ABANDONED)
        await store.forget_uploads(self._database)


@job(at_once=2)
async def delete_file(files: Files, name: str) -> None:
    await files.delete(name)


@job(every="23 3 * * *")
async def finish_files(files: Files) -> None:
    await files.finish()


def _measure(content: Path | bytes) -> Measured:
    if isinstance(content, bytes):
        return Measured(len(content), hashlib.sha256(content).digest())
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        return Measured(file.tell(), digest)
