"""Multipart bodies: text fields in memory, files on disk, each within its limit."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import shutil
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy

from api.http.encoding import NOT_COMPRESSED, is_compressed
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.storage.space import NoRoomForUploads, Space

WINDOW_S, SLOWEST = 60.0, 256 << 10
"""A form that brings fewer bytes in this time is refused, because the number of open forms is limited. More bytes: uploads
over the slowest mobile networks are refused. Fewer, or a longer time: slow clients keep the places of others for longer."""
STALLED_S = 30.0
"""How long a client may send nothing. Shorter ends uploads from phones that change networks."""
CHUNK_BYTES = 1 << 20
"""Written at a time, in a thread. Larger costs memory for each upload, smaller more switches of threads."""
MOST_PARTS = 100
"""The contract's longest form has 26 fields."""
LARGEST_HEAD = 8 << 10
"""Of a part, with its boundary: what aiohttp reads at most."""
MOST_DRAINED = 1 << 30
"""Bytes of a refused body that are read and discarded. Smaller: Android shows a failure of the network instead of the
reason, because it reads the answer after it has sent all. Larger: refused uploads take more of the network."""
DRAIN_S, DRAIN_STALLED_S = 120.0, 10.0
"""How long that may take, and how long the client may send nothing meanwhile. Android gives up after three minutes."""
TEXT_TOO_LARGE = "The text fields of the form are too large."


class UploadRefused(ControlPlaneError):
    """The form is not one that the endpoint reads, or larger than it may be."""

    code = "upload_refused"
    kind = ErrorKind.MALFORMED


@dataclass(frozen=True, slots=True)
class Upload:
    path: Path
    """Deleted when the call ends: move the file to keep it."""
    name: str
    """As the client calls it. Says nothing about the content."""
    size: int
    """In bytes."""
    sha256: bytes


@dataclass(slots=True)
class Form:
    fields: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)


def is_form(request: web.BaseRequest) -> bool:
    return request.content_type == "multipart/form-data"


@asynccontextmanager
async def received(
    request: web.Request,
    limits: Mapping[str, int],
    folder: Path,
    space: Space,
    fields_limit: int,
    stalled_s: float = STALLED_S,
) -> AsyncIterator[Form]:
    """The whole form. `limits`: the largest size in bytes of each file field; `fields_limit`: of all text fields
    together. Files are written below `folder`, of whose disk `space` is. Raises UploadRefused, NoRoomForUploads."""
    if is_compressed(request):
        raise UploadRefused(NOT_COMPRESSED)
    most = sum(limits.values()) + fields_limit + MOST_PARTS * LARGEST_HEAD
    length = request.content_length
    if length is not None and length > most:
        raise UploadRefused(" ".join(_too_large(name, limit) for name, limit in limits.items()) or TEXT_TOO_LARGE)
    await space.check(most if length is None else length)
    async with _directory(folder) as directory:
        try:
            reading = _Reading(limits, directory, space, fields_limit, stalled_s)
            form = await reading.form(_Parts(request.headers, request.content))
        except TimeoutError:
            raise UploadRefused("The upload stopped. Please try again.") from None
        except (
            ValueError,
            AssertionError,
            RuntimeError,
            ConnectionError,
            HttpProcessingError,
            web.RequestPayloadError,
        ):
            raise UploadRefused("The body is not valid multipart/form-data.") from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE):
                raise NoRoomForUploads from error
            raise
        yield form


async def drain(request: web.Request) -> None:
    """Read and discard what is left of the body: some apps read the answer only after they have sent everything. Of more
    than MOST_DRAINED, or after DRAIN_S, the answer comes before."""
    left = MOST_DRAINED
    if request.content_length is not None and request.content_length > left:
        return
    with suppress(TimeoutError, ConnectionError, HttpProcessingError, web.RequestPayloadError):
        async with asyncio.timeout(DRAIN_S):
            while left > 0 and not request.content.at_eof():
                async with asyncio.timeout(DRAIN_STALLED_S):
                    left -= len(await request.content.readany())


@asynccontextmanager
async def _directory(folder: Path) -> AsyncIterator[Path]:
    """A new directory below `folder`, removed at the end. In threads: to unlink a large file takes time."""
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=folder, prefix="upload-"))
    try:
        yield directory
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True))


class _Parts(MultipartReader):
    """The parts of a form. The end may come where the headers of one more part would be: iOS ends its forms so. The type
    of a part is not used: apps on Android name the type of the form again in each part, which is no form of its own."""

    def _get_part_reader(self, headers: CIMultiDictProxy[str]) -> MultipartReader | BodyPartReader:
        kept = [(name, value) for name, value in headers.items() if name.lower() != "content-type"]
        return super()._get_part_reader(CIMultiDictProxy(CIMultiDict(kept)))

    async def _read_headers(self) -> CIMultiDictProxy[str]:
        line = await self._content.readline()
        if line.rstrip(b"\r\n") == self._boundary + b"--":
            self._at_eof = True
            return CIMultiDictProxy(CIMultiDict())
        with warnings.catch_warnings():  # aiohttp itself unreads so
            warnings.simplefilter("ignore", DeprecationWarning)
            self._content.unread_data(line)
        return await super()._read_headers()


class _Reading:
    """Reads one form."""

    def __init__(
        self, limits: Mapping[str, int], directory: Path, space: Space, fields_limit: int, stalled_s: float
    ) -> None:
        self._limits = limits
        self._directory = directory
        self._space = space
        self._text_left = fields_limit
        self._stalled_s = stalled_s
        self._since, self._arrived = time.monotonic(), 0

    async def form(self, reader: MultipartReader) -> Form:
        form = Form()
        for _ in range(MOST_PARTS):
            async with asyncio.timeout(self._stalled_s):
                part = await reader.next()
            self._check_pace(0)
            if part is None or reader.at_eof():
                return form
            assert isinstance(part, BodyPartReader)
            if not part.headers and not (await self._text(part)).strip():
                continue  # iOS ends a form with a part that has neither headers nor content
            if not part.name:
                raise UploadRefused("A field of the form has no name.")
            if part.name in self._limits:
                if part.name in form.uploads:
                    raise UploadRefused(f"{part.name} comes twice.")
                path = self._directory / str(len(form.uploads))
                form.uploads[part.name] = await self._store(part, path, part.name)
            elif part.filename is not None:
                raise UploadRefused(f"{part.name} is not a field for a file.")
            else:
                value = await self._text(part)
                form.fields.setdefault(part.name, value.decode(errors="replace"))
        raise UploadRefused(f"A form may have at most {MOST_PARTS} fields.")

    async def _text(self, part: BodyPartReader) -> bytes:
        value = bytearray()
        while chunk := await self._chunk(part):
            value += chunk
            if len(value) > self._text_left:
                raise UploadRefused(TEXT_TOO_LARGE)
        self._text_left -= len(value)
        return bytes(value)

    async def _store(self, part: BodyPartReader, path: Path, name: str) -> Upload:
        size, digest, waiting, limit = 0, hashlib.sha256(), bytearray(), self._limits[name]

        def write(content: bytearray) -> None:
            self._space.check_now(len(content))
            left = memoryview(content)
            while left:  # a full disk may take a part before it fails
                left = left[file.write(left) :]
            digest.update(content)

        with path.open("wb", buffering=0) as file:
            while chunk := await self._chunk(part):
                size += len(chunk)
                if size > limit:
                    raise UploadRefused(_too_large(name, limit))
                waiting += chunk
                if len(waiting) >= CHUNK_BYTES:
                    await asyncio.to_thread(write, waiting)
                    waiting = bytearray()
            await asyncio.to_thread(write, waiting)
        return Upload(path, part.filename or "", size, digest.digest())

    async def _chunk(self, part: BodyPartReader) -> bytes:
        async with asyncio.timeout(self._stalled_s):
            chunk = await part.read_chunk(1 << 16)
        self._check_pace(len(chunk))
        return chunk

    def _check_pace(self, arrived: int) -> None:
        self._arrived += arrived
        if time.monotonic() - self._since >= WINDOW_S:
            if self._arrived < SLOWEST:
                raise UploadRefused("The upload is too slow. Please try again over a better network.")
            self._since, self._arrived = time.monotonic(), 0


def _too_large(name: str, limit: int) -> str:
    return f"The file {name} may have at most {_size(limit)}."


def _size(limit: int) -> str:
    """As a person reads it."""
    return f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit} bytes"
