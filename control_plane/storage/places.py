"""The two places of files, both by obstore: a folder of this machine, and an S3 bucket."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import mimetypes
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from control_plane.base.errors import ControlPlaneError
from control_plane.base.network import is_loopback
from control_plane.config.declare import InvalidSettings
from control_plane.storage.model import (
    LOCAL_FOLDERS,
    FileMissing,
    FileName,
    Listed,
    Storage,
    StorageUnavailable,
    is_hashed,
)

log = logging.getLogger(__name__)

DEADLINE_S = 20.0
"""Of each operation, retries included. Shorter: uploads fail while a bucket is slow. Longer: calls wait longer for a
storage that hangs."""
SLOWEST_BYTES_S = 1 << 20
"""A file may take one more second for each of these. Larger: large files fail over a slow network."""
CHUNK_BYTES = 8 << 20
"""Read and uploaded at a time. Larger: more memory for each transfer; smaller: more requests."""
PAGE = 1000
IMMUTABLE = "public, max-age=31536000, immutable"
_FAILURES = (BaseError, OSError, TimeoutError, NotImplementedError)
_OF_URL = {"endpoint", "region", "access_key_id", "secret_access_key", "session_token"}


def open_storage(url: str, folder: Path, public_url: str = "") -> Storage:
    """The storage of LIVE_STORAGE_URL; `folder` where it is empty. Raises InvalidSettings."""
    return Bucket(url, public_url.rstrip("/")) if url else Folder(folder)


class _Place:
    """What both places do alike."""

    _missing_when_deleted: type[ControlPlaneError] = FileMissing

    def __init__(self, store: LocalStore | S3Store, deadline_s: float) -> None:
        self._store = store
        self._deadline_s = deadline_s

    async def read(self, name: FileName, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        wanted: Any = {"offset": start} if end is None else (start, end)
        async with _answered(self._deadline_s):
            result = await obstore.get_async(self._store, name, options={"range": wanted})
        chunks = aiter(result.stream(min_chunk_size=CHUNK_BYTES))
        while True:
            async with _answered(self._deadline_s):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield bytes(chunk)

    async def delete(self, name: FileName) -> None:
        with suppress(FileMissing):
            async with _answered(self._deadline_s, missing=self._missing_when_deleted):
                await obstore.delete_async(self._store, name)

    async def size(self, name: FileName) -> int | None:
        try:
            async with _answered(self._deadline_s):
                return (await obstore.head_async(self._store, name))["size"]
        except FileMissing:
            return None

    async def list(self) -> AsyncIterator[Sequence[Listed]]:
        pages = aiter(obstore.list(self._store, chunk_size=PAGE))
        while True:
            async with _answered(self._deadline_s, missing=StorageUnavailable):
                page = await anext(pages, None)
            if page is None:
                return
            yield [
                Listed(FileName(item["path"]), item["size"], item["last_modified"])
                for item in page
                if item["path"].partition("/")[0] not in LOCAL_FOLDERS
            ]

    async def _put(self, name: FileName, content: Path | bytes, **options: Any) -> None:
        size = len(content) if isinstance(content, bytes) else (await asyncio.to_thread(content.stat)).st_size
        async with _answered(self._deadline_s + size / SLOWEST_BYTES_S, missing=StorageUnavailable):
            await obstore.put_async(self._store, name, content, chunk_size=CHUNK_BYTES, max_concurrency=2, **options)


class Folder(_Place):
    """Files in a folder of this machine, sent by this server."""

    public_url = origin = ""

    def __init__(self, folder: Path, deadline_s: float = DEADLINE_S) -> None:
        try:
            super().__init__(LocalStore(folder, mkdir=True), deadline_s)
        except (BaseError, OSError, ValueError):
            raise InvalidSettings(f"The folder of files {folder} cannot be used.") from None
        self._folder = folder

    async def put(self, name: FileName, content: Path | bytes) -> None:
        if isinstance(content, bytes) or not await asyncio.to_thread(_link, content, self._folder / name):
            await self._put(name, content)
        async with _answered(self._deadline_s):
            await asyncio.to_thread(_flush, self._folder / name)

    async def sweep(self, older_than: dt.timedelta) -> int:
        async with _answered(self._deadline_s):
            return await asyncio.to_thread(_sweep, self._folder, time.time() - older_than.total_seconds())

    def path(self, name: FileName) -> Path | None:
        return self._folder / name

    async def signed_url(self, name: FileName, life: dt.timedelta) -> str:
        raise NotImplementedError("this server sends the file")


class Bucket(_Place):
    """Files in a bucket with the S3 API: `s3://bucket/prefix`. Credentials, region and endpoint come from the URL's
    query, else from the environment (AWS_ACCESS_KEY_ID …)."""

    _missing_when_deleted = StorageUnavailable
    """S3 deletes a file that is not there without an error: what is missing is the bucket."""

    def __init__(self, url: str, public_url: str = "", deadline_s: float = DEADLINE_S) -> None:
        self.public_url = public_url
        parts = urlsplit(url)
        options: dict[str, Any] = dict(parse_qsl(parts.query))
        allow_http = options.pop("allow_http", "") == "1"
        if parts.scheme != "s3" or not parts.hostname:
            raise InvalidSettings("LIVE_STORAGE_URL must be like s3://bucket/prefix, or empty.")
        if unknown := options.keys() - _OF_URL:
            raise InvalidSettings(f"LIVE_STORAGE_URL: {min(unknown)!r} is not known.")
        endpoint = urlsplit(options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL", ""))
        if endpoint.scheme == "http":
            if not (allow_http or is_loopback(endpoint.hostname or "")):
                raise InvalidSettings("LIVE_STORAGE_URL: an endpoint without TLS needs allow_http=1.")
            allow_http = True
        try:
            store = S3Store(
                parts.hostname,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "allow_http": allow_http,
                    "connect_timeout": dt.timedelta(seconds=5),
                    "timeout": dt.timedelta(seconds=deadline_s),
                },
                retry_config={"max_retries": 2, "retry_timeout": dt.timedelta(seconds=deadline_s)},
                **options,
            )
        except (BaseError, ValueError):  # the text may quote the URL's secrets
            raise InvalidSettings("LIVE_STORAGE_URL is not usable: check endpoint and region.") from None
        super().__init__(store, deadline_s)
        self._bucket = store
        region = options.get("region") or os.environ.get("AWS_REGION", "us-east-1")
        self.origin = _origin(public_url or endpoint.geturl() or f"https://s3.{region}.amazonaws.com")

    async def put(self, name: FileName, content: Path | bytes) -> None:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        caching = IMMUTABLE if is_hashed(name) else "private, no-store"
        await self._put(name, content, attributes={"Content-Type": kind, "Cache-Control": caching})

    async def sweep(self, older_than: dt.timedelta) -> int:
        return 0  # incomplete uploads are deleted by the bucket's lifecycle rule

    def path(self, name: FileName) -> Path | None:
        return None

    async def signed_url(self, name: FileName, life: dt.timedelta) -> str:
        async with _answered(self._deadline_s):  # the first one may fetch credentials
            return await obstore.sign_async(self._bucket, "GET", name, life)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@asynccontextmanager
async def _answered(deadline_s: float, *, missing: type[ControlPlaneError] = FileMissing) -> AsyncIterator[None]:
    """Raises `missing` where there is nothing of this name, and StorageUnavailable for all other failures."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except FileNotFoundError as error:
        if missing is StorageUnavailable:
            log.warning("storage_failed", extra={"why": "no such bucket or folder"})
        raise missing from error
    except _FAILURES as error:
        text = str(error).partition("\n")[0][:300]  # the rest repeats it for developers
        log.warning("storage_failed", extra={"why": type(error).__name__, "text": text})
        raise StorageUnavailable from error


def _link(content: Path, file: Path) -> bool:
    """Give the file its second name instead of copying it. False: it is on another disk, or the disk has no links."""
    linked = file.with_name(f"{file.name}#{secrets.token_hex(4)}")
    if ".." in file.parts:
        return False  # obstore refuses it
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        linked.hardlink_to(content)
        linked.replace(file)
    except OSError:
        linked.unlink(missing_ok=True)
        return False
    return True


def _flush(file: Path) -> None:
    """Write the file and its two folders, which may be new, to the disk."""
    for path in (file, file.parent, file.parent.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep(folder: Path, before: float) -> int:
    """Delete obstore's temporary files, `<name>#<number>`."""
    swept = 0
    for file in folder.rglob("*#*"):
        if file.is_file() and file.stat().st_mtime < before:
            file.unlink(missing_ok=True)
            swept += 1
    return swept
