"""Uploads in parts: what has arrived of each is a file in the data directory, whose size is the offset.

The file is the truth, so that a killed server loses at most what was not written yet: a client asks for the offset and
goes on. One connection at a time writes an upload; another one of the same user takes over, because the first is often
one that a phone has left.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.storage.space import Space
from control_plane.videos.uploads import resumable_store as store
from control_plane.videos.uploads.model import (
    ResumableUpload,
    TooManyOpenUploads,
    UploadElsewhere,
    UploadId,
    UploadMissing,
    UploadUnfinished,
)

CHUNK_BYTES = 1 << 20
"""Written at a time, in a thread. Larger: more memory for each upload. Smaller: more switches of threads."""
LONGEST_NAME = 255
IDLE_S = 300.0
"""An upload for which nothing has come for so long gives way to a new one of its user, who may have left its page. Shorter:
a phone without a connection loses its upload. Longer: a user who left several pages waits."""
_ID = re.compile("[0-9a-f]{32}")
Admission = Callable[[UserId, int], Awaitable[None]]
"""Whether the user may upload so many bytes more: raises the refusal."""


class _Holder:
    """The connection that writes or uses an upload, and those that wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.connections = 0
        """That write or wait."""
        self.leave = asyncio.Event()
        """Set while another connection waits."""


class ResumableUploads:
    """`folder` is where the files are, on the disk of `space`. `open_uploads`: how many of one user may be unfinished."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        space: Space,
        admit: Admission,
        *,
        open_uploads: int,
        life: dt.timedelta,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._folder = folder
        self._space = space
        self._admit = admit
        self._open_uploads = open_uploads
        self._life = life
        self._clock = clock
        self._holders: defaultdict[UploadId, _Holder] = defaultdict(_Holder)
        self._taken: set[UploadId] = set()

    async def create(self, user_id: UserId, size: int, name: str) -> ResumableUpload:
        """An idle upload of the user gives way where there are too many. Raises TooManyOpenUploads and what the limits of uploads
        raise."""
        await self._admit(user_id, size)
        upload_id = UploadId(secrets.token_hex(16))
        async with self._database.transaction() as connection:
            await lock_names(connection, f"uploads/{user_id}")
            left = await self._give_way(connection, user_id)
            expires_at = self._clock() + self._life
            upload = await store.add(connection, upload_id, user_id, name[:LONGEST_NAME], size, expires_at)
        if left is not None:
            await asyncio.to_thread(self._unlink, left)
        await asyncio.to_thread(self._touch, upload_id)
        return upload

    async def _give_way(self, connection: Connection, user_id: UserId) -> UploadId | None:
        """If the user has as many open uploads as allowed, delete the row of the one that is idle for longest. Returns it. Raises
        TooManyOpenUploads."""
        opened = await store.open_uploads(connection, user_id)
        if len(opened) < self._open_uploads:
            return None
        idle = await asyncio.to_thread(self._idle_longest, [id_ for id_ in opened if id_ not in self._holders])
        if idle is None:
            raise TooManyOpenUploads
        await store.delete(connection, idle)
        return idle

    async def find(self, user_id: UserId, upload_id: str) -> ResumableUpload:
        """Raises UploadMissing."""
        found = await store.find(self._database, upload_id, user_id) if _ID.fullmatch(upload_id) else None
        if found is None:
            raise UploadMissing
        return found

    async def offset(self, upload: ResumableUpload) -> int:
        """How many bytes have arrived. A connection that still writes gives up first. Raises UploadMissing."""
        async with self._held(upload):
            return await asyncio.to_thread(self._size, upload.id)

    async def append(self, upload: ResumableUpload, offset: int, parts: AsyncIterator[bytes]) -> int:
        """Write what the client sends from `offset` on, and return the new offset. What was written stays if the client
        leaves, or when another connection takes over. Raises UploadMissing, UploadElsewhere, NoRoomForUploads, OSError and
        what `parts` raises."""
        async with self._held(upload) as (found, leave):
            size = await asyncio.to_thread(self._size, upload.id)
            if size != offset:
                raise UploadElsewhere
            await self._space.check(upload.size - size)
            size += await self._write(upload, size, _until(parts, leave))
            if size == upload.size and found.sha256 is None:
                await self._complete(upload)
            return size

    async def _write(self, upload: ResumableUpload, size: int, parts: AsyncGenerator[bytes]) -> int:
        """Append the parts to the file, which has `size` bytes. Returns how many bytes were written. Nothing is written twice:
        not after a write that has failed halfway, and not while the thread of a cancelled call still writes."""
        written, waiting = 0, bytearray()
        with await asyncio.to_thread(self._path(upload.id).open, "ab", 0) as file:

            async def write(*, flush: bool = False) -> int:
                nonlocal waiting
                content, waiting = bytes(waiting), bytearray()
                return await _ended(asyncio.to_thread(self._write_checked, file.fileno(), content, flush=flush))

            try:
                async with aclosing(parts):
                    async for part in parts:
                        if size + written + len(waiting) + len(part) > upload.size:
                            raise UploadElsewhere
                        waiting += part
                        if len(waiting) >= CHUNK_BYTES:
                            written += await write()
            finally:
                written += await write(flush=True)
        return written

    @asynccontextmanager
    async def taken(self, user_id: UserId, upload_id: str) -> AsyncIterator[tuple[Path, ResumableUpload]]:
        """The file of a complete upload, which no other call uses or deletes meanwhile, and which does not expire. It is deleted
        at the exit, unless there is an error. Raises UploadMissing and UploadUnfinished."""
        async with self._held(await self.find(user_id, upload_id)) as (upload, _):
            if await asyncio.to_thread(self._size, upload.id) != upload.size:
                raise UploadUnfinished
            if upload.sha256 is None:  # the server was killed between the last byte and its row
                await self._complete(upload)
            self._taken.add(upload.id)
            try:
                yield self._path(upload.id), await self.find(user_id, upload_id)
            finally:
                self._taken.discard(upload.id)
            await asyncio.to_thread(self._unlink, upload.id)

    async def _complete(self, upload: ResumableUpload) -> None:
        """Raises UploadMissing: it has expired meanwhile, and its file is deleted."""
        try:
            sha256 = await asyncio.to_thread(self._sha256, upload.id)
        except FileNotFoundError:
            raise UploadMissing from None
        await store.complete(self._database, upload.id, sha256)

    async def use(self, connection: Connection, upload: ResumableUpload) -> None:
        """In the transaction of the video: the upload is used up. Its file is deleted by `taken`, or by the job. Raises
        UploadMissing: it has expired meanwhile."""
        if not await store.delete(connection, upload.id):
            raise UploadMissing

    async def forget(self, upload: ResumableUpload) -> None:
        """Delete the upload and its file. Raises UploadMissing."""
        async with self._held(upload):
            await self.drop(upload)

    async def drop(self, upload: ResumableUpload) -> None:
        """The same for an upload that the caller has `taken`."""
        await store.delete(self._database, upload.id)
        await asyncio.to_thread(self._unlink, upload.id)

    async def expire(self) -> None:
        """Delete the uploads whose time is over, and the files of which there is no upload."""
        for upload_id in await store.delete_expired(self._database, self._taken):
            await asyncio.to_thread(self._unlink, upload_id)
        names = await asyncio.to_thread(self._old_files)
        for name in names - await store.known(self._database, names):
            await asyncio.to_thread(self._unlink, UploadId(name))

    @asynccontextmanager
    async def _held(self, upload: ResumableUpload) -> AsyncIterator[tuple[ResumableUpload, asyncio.Event]]:
        """Write, use or delete the upload alone: as it is by then, with the event that asks to leave because another
        connection waits. Raises UploadMissing."""
        holder = self._holders[upload.id]
        holder.connections += 1
        holder.leave.set()
        try:
            async with holder.lock:
                if holder.connections == 1:
                    holder.leave.clear()
                yield await self.find(upload.user_id, upload.id), holder.leave
        finally:
            holder.connections -= 1
            if not holder.connections:
                del self._holders[upload.id]

    def _path(self, upload_id: UploadId) -> Path:
        return self._folder / upload_id

    def _touch(self, upload_id: UploadId) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._path(upload_id).touch(mode=0o600, exist_ok=True)

    def _write_checked(self, descriptor: int, content: bytes, *, flush: bool) -> int:
        if content:
            self._space.check_now(len(content))
        return _write_all(descriptor, content, flush=flush)

    def _size(self, upload_id: UploadId) -> int:
        try:
            return self._path(upload_id).stat().st_size
        except FileNotFoundError:  # the server was killed between the row and the file
            self._touch(upload_id)
            return 0

    def _idle_longest(self, upload_ids: Collection[UploadId]) -> UploadId | None:
        written: dict[UploadId, float] = {}
        for upload_id in upload_ids:
            with suppress(FileNotFoundError):  # it is being created
                written[upload_id] = self._path(upload_id).stat().st_mtime
        before = self._clock().timestamp() - IDLE_S
        return min((id_ for id_, at in written.items() if at < before), key=written.__getitem__, default=None)

    def _sha256(self, upload_id: UploadId) -> bytes:
        with self._path(upload_id).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    def _unlink(self, upload_id: UploadId) -> None:
        self._path(upload_id).unlink(missing_ok=True)

    def _old_files(self) -> set[str]:
        """Files that are older than any upload may be."""
        before = (self._clock() - self._life).timestamp()
        with suppress(FileNotFoundError):
            return {file.name for file in self._folder.iterdir() if file.stat().st_mtime < before}
        return set()


@job(every="41 * * * *")
async def expire_uploads(uploads: ResumableUploads) -> None:
    await uploads.expire()


def _write_all(descriptor: int, content: bytes, *, flush: bool = False) -> int:
    """`flush`: to the disk, because the offset that the client is told must not shrink."""
    written = 0
    while written < len(content):
        written += os.write(descriptor, content[written:])
    if flush:
        os.fsync(descriptor)
    return written


async def _ended(work: Awaitable[int]) -> int:
    """The result. A call that is cancelled waits for the end, too."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


async def _until(parts: AsyncIterator[bytes], leave: asyncio.Event) -> AsyncGenerator[bytes]:
    """The parts, until `leave` is set."""
    leaving = asyncio.ensure_future(leave.wait())
    coming: asyncio.Future[bytes] | None = None
    try:
        while not leave.is_set():
            coming = asyncio.ensure_future(anext(parts, b""))
            await asyncio.wait([coming, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                with suppress(asyncio.CancelledError):
                    await coming
                return
            part = await coming
            if not part:
                return
            yield part
    finally:
        leaving.cancel()
        if coming is not None:
            coming.cancel()
