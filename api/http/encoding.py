"""Requests with a compressed body are refused: no app sends one, and 400 kB may become 400 MB in the event loop. The listener
does not decompress either, because it receives the rest of a refused body, so that its sender reads the answer."""

from __future__ import annotations

from aiohttp import web

NOT_COMPRESSED = "The body must not be compressed: leave out Content-Encoding."


def is_compressed(request: web.BaseRequest) -> bool:
    return request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")
