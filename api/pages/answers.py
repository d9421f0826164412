"""JSON responses to calls of our own pages, with HTTP status codes, unlike the contract. An error is `{"message":
…}`."""

from __future__ import annotations

import functools
import logging

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from api.contract.client import Client
from api.contract.client_use import client_use
from api.contract.platform import Platform
from api.http.address import client_address
from api.http.urls import Urls, urls_for
from control_plane.accounts.caller import Use
from control_plane.base.errors import ControlPlaneError, ErrorKind

log = logging.getLogger(__name__)


REFUSED = 403
FAILED = 503
STATUS = {
    ErrorKind.MALFORMED: 400,
    ErrorKind.NOT_SIGNED_IN: 401,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.TOO_OFTEN: 429,
    ErrorKind.UNAVAILABLE: FAILED,
    ErrorKind.STOPS: FAILED,
}
"""The HTTP status of each kind of error. All other kinds are refusals."""

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
    status = STATUS.get(refusal.kind, REFUSED)
    if status == FAILED:
        log.warning("page_failed", extra={"why": refusal.code})
    return status
