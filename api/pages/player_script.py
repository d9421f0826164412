"""`/static/vendor/hls.min.js`: the HLS player, served from here, so that pages load no scripts from other sites."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

from aiohttp import web

PATH = "/static/vendor/hls.min.js"

FetchScript = Callable[[], Awaitable[bytes]]
"""Fetches the script from the media server. Raises MediaServerUnavailable."""


class PlayerScript:
    """Fetches the script at the first request and caches it, plain and gzipped."""

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
