"""`/static/vendor/hls.min.js`: the player, from our own address and nobody else's."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

from aiohttp import web

PATH = "/static/vendor/hls.min.js"

FetchScript = Callable[[], Awaitable[bytes]]
"""Raises MediaServerUnavailable."""


class PlayerScript:
    """Fetched when it is first asked for, and kept."""

    def __init__(self, fetch: FetchScript) -> None:
        self._fetch = fetch
        self._fetching = asyncio.Lock()
        self._script = b""
        self._zipped = b""

    async def show(self, request: web.Request) -> web.Response:
        async with self._fetching:
            if not self._script:
                script = await self._fetch()
                self._zipped = await asyncio.to_thread(gzip.compress, script)
                self._script = script
        zipped = "gzip" in request.headers.get("Accept-Encoding", "")
        return web.Response(
            body=self._zipped if zipped else self._script,
            content_type="text/javascript",
            charset="utf-8",
            headers={"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if zipped else {}),
        )
