"""Multipart bodies: text fields in memory, files on disk, each within its limit."""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http import HttpProcessingError

from control_plane.base.errors import ControlPlaneError, ErrorKind

STALLED_S = 30.0
"""How long a client may send nothing. Shorter ends uploads from phones that change networks."""
CHUNK_BYTES = 1 << 20
"""Written at a time, in a thread. Larger costs memory for each upload, smaller more switches of threads."""
MOST_PARTS = 100
"""The contract's longest form has 26 fields."""


class UploadRefused(ControlPlaneError):
    """The form is not one that the endpoint reads, or larger than it may be."""

    code = "upload_refused"
    kind = ErrorKind.MALFORMED


class NoRoomForUploads(ControlPlaneError):
    code = "no_room_for_uploads"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The server cannot store uploads at the moment. Please try again later.")


@dataclass(frozen=True, slots=True)
class Upload:
    path: Path
    """Deleted when the call ends: move the file to keep it."""
    name: str
    """As the client calls it. Says nothing about the content."""
    size: int
    """In bytes."""


@dataclass(slots=True)
class Form:
    fields: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)


def is_form(request: web.BaseRequest) -> bool:
    return request.content_type == "multipart/form-data"


@asynccontextmanager
async def received(
    request: web.Request, limits: Mapping[str, int], folder: Path, fields_limit: int, stalled_s: float = STALLED_S
) -> AsyncIterator[Form]:
    """The whole form. `limits`: the largest size in bytes of each file field; `fields_limit`: of all text fields
    together. Files are written below `folder`. Raises UploadRefused, NoRoomForUploads."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="upload-") as directory:
        try:
            form = await _read(await request.multipart(), limits, Path(directory), fields_limit, stalled_s)
        except TimeoutError:
            raise UploadRefused("The upload stopped. Please try again.") from None
        except (ValueError, AssertionError, ConnectionError, HttpProcessingError, web.RequestPayloadError):
            raise UploadRefused("The body is not valid multipart/form-data.") from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE):
                raise NoRoomForUploads from error
            raise
        yield form


async def _read(
    reader: MultipartReader, limits: Mapping[str, int], directory: Path, fields_limit: int, stalled_s: float
) -> Form:
    form, left = Form(), fields_limit
    for _ in range(MOST_PARTS):
        async with asyncio.timeout(stalled_s):
            part = await reader.next()
        if part is None:
            return form
        if not isinstance(part, BodyPartReader) or not part.name:
            raise UploadRefused("A field of the form has no name.")
        if part.name in limits:
            if part.name in form.uploads:
                raise UploadRefused(f"{part.name} comes twice.")
            path = directory / str(len(form.uploads))
            size = await _store(part, path, limits[part.name], stalled_s)
            form.uploads[part.name] = Upload(path, part.filename or "", size)
        elif part.filename is not None:
            raise UploadRefused(f"{part.name} is not a field for a file.")
        else:
            value = await _text(part, left, stalled_s)
            left -= len(value)
            form.fields.setdefault(part.name, value.decode(errors="replace"))
    raise UploadRefused(f"A form may have at most {MOST_PARTS} fields.")


async def _text(part: BodyPartReader, limit: int, stalled_s: float) -> bytes:
    value = bytearray()
    while chunk := await _chunk(part, stalled_s):
        value += chunk
        if len(value) > limit:
            raise UploadRefused("The text fields of the form are too large.")
    return bytes(value)


async def _store(part: BodyPartReader, path: Path, limit: int, stalled_s: float) -> int:
    size, waiting = 0, bytearray()
    with path.open("wb") as file:
        while chunk := await _chunk(part, stalled_s):
            size += len(chunk)
            if size > limit:
                raise UploadRefused(f"The file {part.name} may have at most {_size(limit)}.")
            waiting += chunk
            if len(waiting) >= CHUNK_BYTES:
                await asyncio.to_thread(file.write, waiting)
                waiting = bytearray()
        await asyncio.to_thread(file.write, waiting)
    return size


async def _chunk(part: BodyPartReader, stalled_s: float) -> bytes:
    async with asyncio.timeout(stalled_s):
        return await part.read_chunk(1 << 16)


def _size(limit: int) -> str:
    """As a person reads it."""
    return f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit} bytes"
