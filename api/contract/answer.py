"""The HTTP response of a contract call: a JSON envelope, always with HTTP status 200, because the apps read `code`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from multidict import CIMultiDict

HEADERS = CIMultiDict({"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"})
_encode = msgspec.json.Encoder().encode


def envelope(code: int, msg: Any, beside: Mapping[str, Any]) -> bytes:
    """`msg` is left out where it is UNSET."""
    if msg is msgspec.UNSET:
        return _encode({"code": code, **beside})
    return _encode({"code": code, "msg": msg, **beside})


def answer(body: bytes, request_id: str, more: Mapping[str, str]) -> web.Response:
    """`more` are additional headers."""
    response = web.Response(body=body, headers=HEADERS)
    response.headers["X-Request-Id"] = request_id
    if more:
        response.headers.update(more)
    return response
