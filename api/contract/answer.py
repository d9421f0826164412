"""The answer to a call: an envelope in HTTP, always with status 200, for the apps read `code`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import HttpVersion11, web

SERVER = "stagedoor"
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": SERVER,
}
_encode = msgspec.json.Encoder().encode


def envelope(code: int, msg: Any, beside: Mapping[str, Any]) -> bytes:
    """`msg` is left out where it is UNSET."""
    if msg is msgspec.UNSET:
        return _encode({"code": code, **beside})
    return _encode({"code": code, "msg": msg, **beside})


def answer(request: web.Request, body: bytes, request_id: str, more: Mapping[str, str]) -> web.StreamResponse:
    """`more`: headers of this answer alone."""
    if more or request.method != "POST" or request.version != HttpVersion11 or not request.keep_alive:
        return web.Response(body=body, headers={**HEADERS, "X-Request-Id": request_id, **more})
    return _InOnePiece(_head(request_id, len(body)) + body)


class _InOnePiece(web.StreamResponse):
    """aiohttp makes a head from a dictionary, line by line, which takes longer than most of what a short call needs besides; ours differ in three
    values."""

    def __init__(self, whole: bytes) -> None:
        super().__init__()
        self._whole = whole

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        self._writer = request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        await self._writer.write(self._whole)
        await self._writer.drain()


_second = 0
_constant = b""
"""Status line and the headers that stay as they are for a second."""


def _head(request_id: str, length: int) -> bytes:
    global _second, _constant
    now = int(time.time())
    if now != _second:
        lines = {**HEADERS, "Date": formatdate(now, usegmt=True)}
        _constant = b"HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()
        _second = now
    return b"%bX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n" % (_constant, request_id.encode(), length)
