"""Files over HTTP: public ones under `/media/`, the others under `/files/` by signed addresses. A folder's files are
sent from here, with ranges and conditions; a bucket's by a redirect to a signed address of the bucket."""

from __future__ import annotations

import asyncio
import datetime as dt
import mimetypes
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from control_plane.base.errors import ControlPlaneError
from control_plane.db.pool import Database
from control_plane.storage import store
from control_plane.storage.bundle import Stored
from control_plane.storage.model import LOCAL_FOLDERS, FileName, is_hashed, is_private, is_stored
from control_plane.storage.places import IMMUTABLE

MEDIA = "/media"
FILES = "/files"
PUBLIC_LIFE = dt.timedelta(hours=2)
"""Of a signed address of a bucket's public file; clients remember the redirect for half of it."""
PRIVATE_LIFE = dt.timedelta(minutes=2)
"""Of a signed address of a bucket's private file, which a deletion cannot end. Shorter: a player that loads a long file
is redirected more often."""
_LOCAL = re.compile(rf"({'|'.join(LOCAL_FOLDERS)})(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)+", re.ASCII)
_ONE_RANGE = re.compile(r"bytes=[0-9]*-[0-9]*")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SHOWN = ("image/", "video/", "audio/")


class FileRoutes:
    """`media_dir` has the demo's clips and the pictures of live streams, which are public and never in a bucket."""

    def __init__(self, media_dir: Path, stored: Stored, database: Database) -> None:
        self._media_dir = media_dir
        self._stored = stored
        self._database = database

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get(MEDIA + "/{name:.+}", answering(self._public)),
            web.get(FILES + "/{name:.+}", answering(self._signed)),
        ]

    async def _public(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if _LOCAL.fullmatch(name):
            return await self._send(self._media_dir, self._media_dir / name)
        if not is_stored(name) or is_private(name):
            raise nothing()
        response = await self.stored_file(FileName(name), PUBLIC_LIFE)
        if response.status == 302:
            response.headers["Cache-Control"] = f"public, max-age={PUBLIC_LIFE.seconds // 2}"
        elif is_hashed(name):
            response.headers["Cache-Control"] = IMMUTABLE
        return response

    async def _signed(self, request: web.Request) -> web.StreamResponse:
        name, query = request.match_info["name"], request.query
        if not (is_stored(name) and is_private(name)):
            raise nothing()
        row = await store.by_name(self._database, name)
        if row is None or row.state != "kept":
            raise nothing()
        if not self._stored.addresses.verify(name, row.salt, query.get("expires", ""), query.get("signature", "")):
            raise nothing()
        response = await self.stored_file(row.name, PRIVATE_LIFE)
        response.headers["Cache-Control"] = "private, no-store"
        return response

    async def stored_file(self, name: FileName, life: dt.timedelta) -> web.StreamResponse:
        """The file, or a redirect to an address of the bucket that works for `life`."""
        storage = self._stored.files.storage
        file = storage.path(name)
        if file is not None:
            return await self._send(file.parents[2], file)
        return web.Response(status=302, headers={"Location": await storage.signed_url(name, life)})

    async def _send(self, root: Path, file: Path) -> web.StreamResponse:
        tag = await asyncio.to_thread(_tag, root, file)
        if tag is None:
            raise nothing()
        response = _SentFile(file, tag)
        if not (mimetypes.guess_type(file.name)[0] or "").startswith(_SHOWN) or file.suffix == ".svg":
            response.headers["Content-Disposition"] = "attachment"  # a browser must not run it as a page of ours
        return response


class _SentFile(web.FileResponse):
    """The whole file is sent where aiohttp would not look at the ETag in If-Range, or would refuse what a server may ignore
    (RFC 9110, section 14.2): several ranges, and other units."""

    def __init__(self, file: Path, tag: str) -> None:
        super().__init__(file)
        self._tag = tag

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        condition = request.headers.get("If-Range", "")
        changed = condition.startswith(('"', "W/")) and condition != self._tag
        if "Range" in request.headers and (changed or not _ONE_RANGE.fullmatch(request.headers["Range"])):
            request = request.clone(headers={k: v for k, v in request.headers.items() if k.lower() != "range"})
        return await super().prepare(request)


def _tag(root: Path, file: Path) -> str | None:
    """The ETag that aiohttp sends; None where it is not a file of this folder, or where a link leads out of it."""
    try:
        resolved = file.resolve(strict=True)
        state = resolved.stat()
        if not (resolved.is_file() and resolved.is_relative_to(root.resolve())):
            return None
    except OSError:
        return None
    return f'"{state.st_mtime_ns:x}-{state.st_size:x}"'


def answering(handler: Handler) -> Handler:
    """Answers 503 while the database or the bucket is away."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ControlPlaneError as error:
            headers = {"Cache-Control": "no-store", "Retry-After": "5"}
            return web.Response(status=503, text=f"{error}\n", headers=headers)

    return answer


def nothing() -> web.HTTPNotFound:
    """The same answer for a file that is not there and for an address that is not valid or no longer."""
    return web.HTTPNotFound(text="There is nothing here.\n")
