"""JSON responses to calls of our own pages, with HTTP status codes, unlike the contract. An error is `{"message":
…}`."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from api.contract.client import Client
from api.contract.client_use import client_use
from api.contract.errors import FAILED, MALFORMED, NO_SESSION, NOT_FOUND, contract_code
from api.contract.platform import Platform
from api.http.address import client_address
from api.http.urls import Urls, urls_for
from control_plane.accounts.caller import Use
from control_plane.base.errors import ControlPlaneError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATUS = {MALFORMED: 400, NO_SESSION: 401, NOT_FOUND: 404, FAILED: 503}
REFUSED_STATUS = 403

_encoder = msgspec.json.Encoder()


def json(body: object, status: int = 200) -> web.Response:
    return web.Response(
        body=_encoder.encode(body),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )


def request_urls(request: web.Request, platform: Platform) -> Urls:
    """The URLs for this client: with LIVE_LAN they have the host that it used."""
    return urls_for(request.headers.get("Host", ""), platform.urls, platform.settings)


def page_use(request: web.Request, platform: Platform) -> Use:
    """The browser, as the list of sessions shows it."""
    address = client_address(request, platform.settings.trusted_proxies)
    return client_use(request, Client.DOCUMENT, address, platform.settings)


def answering(handler: Handler) -> Handler:
    """Decorator that turns a ControlPlaneError into a JSON error."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ControlPlaneError as refusal:
            return json({"message": str(refusal)}, status_of(refusal))

    return answer


def status_of(refusal: ControlPlaneError) -> int:
    status = STATUS.get(contract_code(refusal, Client.DOCUMENT), REFUSED_STATUS)
    if status == STATUS[FAILED]:
        log.warning("page_failed", extra={"why": refusal.code})
    return status
