"""Bodies with a Content-Encoding are refused: no app sends one. The event loop would decompress them, and 400 kB may become
400 MB; also those that are refused, because the rest of a refused body is received so that its sender reads the answer."""

from __future__ import annotations

from aiohttp import web

NOT_COMPRESSED = "The body must not be compressed: leave out Content-Encoding."


def is_compressed(request: web.BaseRequest) -> bool:
    return request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")
