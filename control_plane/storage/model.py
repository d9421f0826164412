"""The storage port: files by name, in a local folder or an S3 bucket, and the names of files."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NewType, Protocol

from control_plane.base.errors import ControlPlaneError, ErrorKind

FileName = NewType("FileName", str)
"""`pictures/ab/<sha256>.jpg` for public files, `private/ab/<random>.jpg` for the others."""

PRIVATE = "private"
"""Folder of all files that are not public."""
_BELOW_PRIVATE = f"{PRIVATE}/"
LOCAL_FOLDERS = ("samples", "thumbnails")
"""Folders of the media directory that are never in storage: the demo's clips, and pictures of live streams that are
made again."""
_NAME = re.compile(r"([a-z0-9_]+)/[a-zA-Z0-9_\-]{2}/[a-zA-Z0-9_\-]{16,80}\.[a-z0-9]{1,8}", re.ASCII)
_HASHED = re.compile(r"[a-z0-9_]+/([0-9a-f]{2})/\1[0-9a-f]{62}\.[a-z0-9]{1,8}", re.ASCII)


class StorageUnavailable(ControlPlaneError):
    """The storage does not answer in time, refuses us, or is full."""

    code = "storage_unavailable"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("Files cannot be stored or read at the moment. Please try again later.")


class FileMissing(ControlPlaneError):
    """There is no file of this name: it was deleted."""

    code = "file_missing"
    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("The file is not there any more.")


@dataclass(frozen=True, slots=True)
class Listed:
    name: FileName
    bytes: int
    modified_at: dt.datetime


class Storage(Protocol):
    """Files by name. Every call has a deadline and raises StorageUnavailable."""

    public_url: str
    """The address below which clients read public files; "" when this server answers for them."""
    origin: str
    """The origin of the addresses to which clients are sent; "" when the files are here."""

    async def put(self, name: FileName, content: Path | bytes) -> None:
        """Store a whole file, or none, durably. A file of this name is replaced. A path may be linked: its file must not be
        changed afterwards, but may be deleted."""
        ...

    def read(self, name: FileName, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, in chunks. Raises FileMissing."""
        ...

    async def delete(self, name: FileName) -> None:
        """No effect where there is no such file."""
        ...

    async def size(self, name: FileName) -> int | None:
        """None: there is no such file."""
        ...

    def list(self) -> AsyncIterator[Sequence[Listed]]:
        """All files, in pages. What was stored meanwhile may be missing."""
        ...

    async def sweep(self, older_than: dt.timedelta) -> int:
        """Delete the parts of files whose writer was killed. Returns their number."""
        ...

    def path(self, name: FileName) -> Path | None:
        """The file on this machine, for the server to send; None where it is elsewhere."""
        ...

    async def signed_url(self, name: FileName, life: dt.timedelta) -> str:
        """An address that opens the file for some time, where `path` is None. It says nothing about whether the file is
        there."""
        ...


def public_name(kind: str, sha256: bytes, extension: str) -> FileName:
    digest = sha256.hex()
    return FileName(f"{kind}/{digest[:2]}/{digest}.{extension}")


def private_name(extension: str) -> FileName:
    name = secrets.token_hex(24)
    return FileName(f"{PRIVATE}/{name[:2]}/{name}.{extension}")


def is_private(name: str) -> bool:
    return name.startswith(_BELOW_PRIVATE)


def is_stored(name: str) -> bool:
    """Whether it has the form of a name in storage."""
    match = _NAME.fullmatch(name)
    return match is not None and match[1] not in LOCAL_FOLDERS


def is_hashed(name: str) -> bool:
    """Whether the name carries the content's hash, so that what it names never changes."""
    return not is_private(name) and _HASHED.fullmatch(name) is not None
