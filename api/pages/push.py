"""`/push`: whether this browser shows push messages of the signed-in user, and the service worker that shows them."""

from __future__ import annotations

import msgspec
from aiohttp import web

from api.contract.errors import SessionMissing
from api.contract.platform import Platform
from api.contract.request import MalformedRequest, read_body
from api.http.cookies import own_origin
from api.http.language import preferred_language
from api.pages.answers import json
from api.pages.html import STATIC
from api.pages.sign_in import SignInPages, not_ours
from control_plane.accounts.caller import SessionKey

WORKER = "/push_worker.js"
LARGEST_BODY = 8 * 1024
"""Bytes of a subscription, most of which is the endpoint."""


class Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """As the browser's `PushSubscription.toJSON` writes it."""

    endpoint: str
    keys: Keys


class PushView(msgspec.Struct, frozen=True):
    public_key: str
    """VAPID key for the browser; empty: this server sends nothing to browsers."""
    subscribed: bool
    """This session is pushed to."""


_decoder = msgspec.json.Decoder(Subscription)


class PushPages:
    def __init__(self, platform: Platform, sign_in: SignInPages) -> None:
        self._subscriptions = platform.pushing.subscriptions
        self._sign_in = sign_in
        self._worker = (STATIC / "push_worker.js").read_bytes()

    async def show(self, request: web.Request) -> web.Response:
        return json(await self._view(await self._session(request)))

    async def subscribe(self, request: web.Request) -> web.Response:
        if own_origin(request) is None:
            return not_ours()
        session = await self._session(request)
        if session is None:
            raise SessionMissing
        try:
            sent = _decoder.decode(await read_body(request.clone(client_max_size=LARGEST_BODY)))
        except msgspec.MsgspecError:
            raise MalformedRequest("This is not a push subscription of a browser.") from None
        language = preferred_language(request.headers)
        await self._subscriptions.add(session, sent.endpoint, sent.keys.p256dh, sent.keys.auth, language)
        return json(await self._view(session))

    async def unsubscribe(self, request: web.Request) -> web.Response:
        if own_origin(request) is None:
            return not_ours()
        session = await self._session(request)
        if session is not None:
            await self._subscriptions.remove(session)
        return json(await self._view(session))

    async def worker(self, _: web.Request) -> web.Response:
        """Outside of `/static/`: a service worker controls the pages below its own path. Browsers ask for it again at
        most once a day."""
        headers = {"Content-Security-Policy": "default-src 'none'; connect-src 'self'", "Cache-Control": "no-cache"}
        return web.Response(body=self._worker, content_type="text/javascript", charset="utf-8", headers=headers)

    async def _session(self, request: web.Request) -> SessionKey | None:
        caller = await self._sign_in.caller(request)
        return SessionKey(caller.user_id, caller.session_id) if caller else None

    async def _view(self, session: SessionKey | None) -> PushView:
        subscribed = session is not None and await self._subscriptions.has(session)
        return PushView(self._subscriptions.public_key, subscribed)
