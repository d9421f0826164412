"""API documentation: `/openapi.json` and `/docs`, generated from the registry of endpoints, and `/asyncapi.json`,
generated from the frames of the live socket."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from aiohttp import web

from api.contract.endpoint import Registry
from api.documentation.asyncapi import asyncapi
from api.documentation.document import document
from api.documentation.page import ASSETS, render
from api.http.urls import Urls

__all__ = ["ASSETS", "Documentation"]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


class Documentation:
    """The documents, generated once at start-up."""

    def __init__(self, registry: Registry, urls: Urls, *, dev: bool) -> None:
        described = document(registry, urls, dev=dev)
        self._openapi = _pretty(described)
        self._asyncapi = _pretty(asyncapi(urls))
        self._page = render(described).encode()

    async def openapi(self, request: web.Request) -> web.Response:
        return _unless_known(request, self._openapi, "application/json", {})

    async def asyncapi(self, request: web.Request) -> web.Response:
        return _unless_known(request, self._asyncapi, "application/json", {})

    async def page(self, request: web.Request) -> web.Response:
        return _unless_known(request, self._page, "text/html", {"Content-Security-Policy": POLICY})


def _pretty(described: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(described), indent=1)


def _unless_known(request: web.Request, body: bytes, content_type: str, headers: dict[str, str]) -> web.Response:
    """The body, or 304 if the client has it. `no-cache` makes clients revalidate, because a new release may run."""
    etag = hashlib.sha256(body).hexdigest()[:32]
    offered = request.if_none_match or ()
    known = any(tag.value in (etag, "*") for tag in offered)
    response = (
        web.Response(status=304) if known else web.Response(body=body, content_type=content_type, charset="utf-8")
    )
    response.headers.update({"Cache-Control": "no-cache", **headers})
    response.etag = etag
    return response
