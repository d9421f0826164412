"""Uploads in parts by tus 1.0 (https://tus.io/protocols/resumable-upload): the core protocol with creation, creation with
upload, termination and expiration."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from email.utils import format_datetime

from aiohttp import web

from api.contract.dispatch import session_token
from api.contract.platform import Platform
from api.http.cookies import own_origin, page_token
from api.http.encoding import NOT_COMPRESSED, is_compressed
from api.http.uploads import STALLED_S
from control_plane.accounts.sessions import AccountBlocked
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.storage.space import NoRoomForUploads
from control_plane.videos.uploads.model import ResumableUpload
from control_plane.videos.uploads.resumable import ResumableUploads

PATH = "/uploads"
VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
PART_TYPE = "application/offset+octet-stream"
STATUS: Mapping[ErrorKind, int] = {
    ErrorKind.MALFORMED: 400,
    ErrorKind.NOT_SIGNED_IN: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.REFUSED: 403,
    ErrorKind.TOO_OFTEN: 429,
    ErrorKind.UNAVAILABLE: 503,
}
Handler = Callable[[web.Request], Awaitable[web.Response]]


class UploadRoutes:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[web.AbstractRouteDef]:
        one = PATH + "/{id}"
        return [
            web.options(PATH, self._describe),
            web.options(one, self._describe),
            web.post(PATH, self._handler(self._create)),
            web.head(one, self._handler(self._offset)),
            web.patch(one, self._handler(self._append)),
            web.delete(one, self._handler(self._terminate)),
            web.post(one, self._overridden),
        ]

    @property
    def _uploads(self) -> ResumableUploads:
        return self._platform.videos.resumable

    async def _describe(self, request: web.Request) -> web.Response:
        limit = str(self._platform.settings.upload_limit)
        headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": limit}
        return _answer(204, headers)

    def _handler(self, handler: Handler) -> Handler:
        """With the protocol's version checked, and errors as answers."""

        async def handle(request: web.Request) -> web.Response:
            if request.headers.get("Tus-Resumable") != VERSION:
                return _answer(412, {"Tus-Version": VERSION}, f"Tus-Resumable must be {VERSION}.")
            if is_compressed(request):
                return _refusal(415, NOT_COMPRESSED)
            try:
                return await handler(request)
            except ControlPlaneError as error:
                return _refusal(STATUS.get(error.kind, 500), str(error))
            except _Refused as refused:
                return _refusal(refused.status, str(refused))
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE):
                    raise
                return _refusal(503, str(NoRoomForUploads()))

        return handle

    async def _overridden(self, request: web.Request) -> web.Response:
        """For clients that cannot send PATCH and DELETE."""
        handler = {"PATCH": self._append, "DELETE": self._terminate}.get(
            request.headers.get("X-HTTP-Method-Override", "").upper()
        )
        if handler is None:
            raise web.HTTPMethodNotAllowed("POST", ("HEAD", "PATCH", "DELETE", "OPTIONS"))
        return await self._handler(handler)(request)

    async def _create(self, request: web.Request) -> web.Response:
        user_id = await self._user(request)
        size = _number(request, "Upload-Length")
        limit = self._platform.settings.upload_limit
        if size > limit:
            raise _Refused(413, f"A file may have at most {limit >> 20} MB.")
        if size == 0:
            raise _Refused(400, "The file is empty.")
        names = _metadata(request.headers.get("Upload-Metadata", ""))
        upload = await self._uploads.create(user_id, size, names.get("filename") or names.get("name") or "")
        # The host that the client used: a page may not send to another name of the same server.
        base = self._platform.urls.public_url or f"{own_origin(request) or 'http'}://{request.host}"
        headers = {"Location": f"{base}{PATH}/{upload.id}", **_expiry(upload)}
        if request.content_type == PART_TYPE and request.can_read_body:
            headers["Upload-Offset"] = str(await self._uploads.append(upload, 0, _parts(request)))
        return _answer(201, headers)

    async def _offset(self, request: web.Request) -> web.Response:
        upload = await self._upload(request)
        offset = await self._uploads.offset(upload)
        return _answer(200, {"Upload-Offset": str(offset), "Upload-Length": str(upload.size), **_expiry(upload)})

    async def _append(self, request: web.Request) -> web.Response:
        if request.content_type != PART_TYPE:
            raise _Refused(415, f"Content-Type must be {PART_TYPE}.")
        offset, upload = _number(request, "Upload-Offset"), await self._upload(request)
        arrived = await self._uploads.append(upload, offset, _parts(request))
        return _answer(204, {"Upload-Offset": str(arrived), **_expiry(upload)})

    async def _terminate(self, request: web.Request) -> web.Response:
        await self._uploads.forget(await self._upload(request))
        return _answer(204)

    async def _upload(self, request: web.Request) -> ResumableUpload:
        user_id = await self._user(request)
        return await self._uploads.find(user_id, request.match_info["id"])

    async def _user(self, request: web.Request) -> UserId:
        token = session_token(request) or page_token(request) or ""
        try:
            caller = await self._platform.accounts.sessions.identify(token) if token else None
        except AccountBlocked:
            caller = None
        if caller is None:
            raise _Refused(401, "Please sign in.")
        return caller.user_id


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def _parts(request: web.Request) -> AsyncIterator[bytes]:
    """What the client sends, until it ends, stops for too long, or leaves."""
    try:
        while True:
            async with asyncio.timeout(STALLED_S):
                part = await request.content.readany()
            if not part:
                return
            yield part
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        return  # what has arrived is kept; the client resumes


def _number(request: web.Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise _Refused(400, f"{header} must be a number.")
    return int(text)


def _metadata(header: str) -> Mapping[str, str]:
    """`Upload-Metadata`: keys with base64 values, separated by commas."""
    found = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode(errors="replace").replace("\0", "")
        except binascii.Error:
            raise _Refused(400, "Upload-Metadata is not base64.") from None
    return found


def _expiry(upload: ResumableUpload) -> Mapping[str, str]:
    return {"Upload-Expires": format_datetime(upload.expires_at, usegmt=True)}


def _answer(status: int, headers: Mapping[str, str] = {}, text: str | None = None) -> web.Response:
    return web.Response(
        status=status, text=text, headers={"Tus-Resumable": VERSION, "Cache-Control": "no-store", **headers}
    )


def _refusal(status: int, text: str) -> web.Response:
    response = _answer(status, {"Retry-After": "5"} if status in (429, 503) else {}, f"{text}\n")
    if status in (400, 403, 409, 413, 415, 429):
        response.force_close()  # the client may be amid a body that is not read
    return response
