"""Fetch hls.js, the player of our pages, from MediaMTX (v1.20.1, internal/servers/hls/http_server.go).

MediaMTX serves it at `/<any path>/hls.min.js`, without auth and without a stream. So every MediaMTX has it, and we need
no package registry.
"""

from __future__ import annotations

import hashlib

import aiohttp

from control_plane.streams.media.model import MediaServerUnavailable
from mediamtx.obtain.pinned import HLS_JS_SHA256

DEADLINE_S = 5.0


async def fetch_player_script(hls_url: str) -> bytes:
    """`hls_url` is the HLS server's URL without a path.

    Raises MediaServerUnavailable if there is no script, or another than the pinned one: it will run on our pages.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_S)) as session,
            session.get(f"{hls_url.rstrip('/')}/player/hls.min.js") as response,
        ):
            script = await response.read() if response.status == 200 else b""
    except (aiohttp.ClientError, TimeoutError) as error:
        raise MediaServerUnavailable(f"The media server's player is not available ({type(error).__name__}).") from error
    if hashlib.sha256(script).hexdigest() != HLS_JS_SHA256:
        raise MediaServerUnavailable("The media server's player does not have the pinned SHA-256.")
    return script
