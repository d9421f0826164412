"""`/studio`: the page where a broadcaster goes live, and routes that read the current stream. Changes to streams are
made by calls of the contract."""

from __future__ import annotations

import asyncio
import io
from urllib.parse import urlencode

import msgspec
import segno
from aiohttp import web

from api.contract.errors import SessionMissing
from api.contract.platform import Platform
from api.pages.answers import json, request_urls
from api.pages.html import CAMERA, Html
from api.pages.sign_in import SignInPages
from api.wire.live import LiveStreaming, live_view
from control_plane.streams import store
from control_plane.streams.keys import StreamKey
from control_plane.streams.model import Stream, StreamNotFound

QUIET_ZONE = 3
"""White modules around a QR code. The standard asks for 4, but the page around it is white too."""


class Current(msgspec.Struct, frozen=True):
    """The caller's stream that has not ended, with its key, or null."""

    stream: LiveStreaming | None


class StudioPage:
    def __init__(self, platform: Platform, html: Html, sign_in: SignInPages) -> None:
        self._platform = platform
        self._html = html
        self._sign_in = sign_in

    async def show(self, request: web.Request) -> web.Response:
        values = {"title": "Studio", "description": "Go live on Stagedoor", "image": ""}
        return self._html.page(request, "studio", values, permissions=CAMERA)

    async def current(self, request: web.Request) -> web.Response:
        """The caller's current stream. `liveStream` would replace it by a new one. Raises SessionMissing."""
        stream = await self._unfinished(request)
        return json(Current(self._view(request, stream) if stream else None))

    async def phone_code(self, request: web.Request) -> web.Response:
        """A QR code that configures Larix Broadcaster on a phone; it contains the stream key.

        Raises SessionMissing, StreamNotFound.
        """
        stream = await self._unfinished(request)
        if stream is None:
            raise StreamNotFound("You have no stream. Go live first.")
        connection = {
            "conn[][url]": request_urls(request, self._platform).rtmp(stream, self._key(stream)),
            "conn[][name]": stream.title or "Stagedoor",
            "conn[][overwrite]": "on",
        }
        return await _code(f"larix://set/v1?{urlencode(connection, safe='[]')}")

    async def watch_code(self, request: web.Request) -> web.Response:
        """A QR code of the watch page's URL. Raises SessionMissing, StreamNotFound."""
        stream = await self._unfinished(request)
        if stream is None:
            raise StreamNotFound("You have no stream. Go live first.")
        return await _code(request_urls(request, self._platform).watch(stream.id))

    async def _unfinished(self, request: web.Request) -> Stream | None:
        caller = await self._sign_in.caller(request)
        if caller is None:
            raise SessionMissing
        return await store.unfinished_of(self._platform.database, caller.user_id)

    def _view(self, request: web.Request, stream: Stream) -> LiveStreaming:
        urls, seen = request_urls(request, self._platform), self._platform.streams.prober.seen(stream.id)
        return live_view(stream, urls, self._key(stream), seen)

    def _key(self, stream: Stream) -> StreamKey:
        return self._platform.streams.keys.issue(stream.id, stream.key_version, stream.key_salt)


async def _code(text: str) -> web.Response:
    svg = await asyncio.to_thread(_drawn, text)
    return web.Response(body=svg, content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def _drawn(text: str) -> bytes:
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(out, kind="svg", border=QUIET_ZONE, light="white", xmldecl=False, omitsize=True)
    return out.getvalue()
