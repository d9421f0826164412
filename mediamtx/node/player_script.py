"""hls.js, as MediaMTX v1.20.1 carries it: served at `/<any path>/hls.min.js`, whether there is a stream or not, and to anybody
(internal/servers/hls/http_server.go). So it is there with every MediaMTX, built, downloaded or given, and needs no registry."""

from __future__ import annotations

import hashlib

import aiohttp

from control_plane.streams.media.model import MediaServerUnavailable
from mediamtx.obtain.pinned import HLS_JS_SHA256

DEADLINE_S = 5.0


async def fetch_player_script(hls_url: str) -> bytes:
    """`hls_url` is that of the HLS server, without a path. Only the pinned script is taken, for it will run on our pages: raises
    MediaServerUnavailable for any other, and when there is none."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_S)) as session,
            session.get(f"{hls_url.rstrip('/')}/player/hls.min.js") as response,
        ):
            script = await response.read() if response.status == 200 else b""
    except (aiohttp.ClientError, TimeoutError) as error:
        raise MediaServerUnavailable(f"The media server's player is not available ({type(error).__name__}).") from error
    if hashlib.sha256(script).hexdigest() != HLS_JS_SHA256:
        raise MediaServerUnavailable("The media server's player is not the one that we pin.")
    return script
