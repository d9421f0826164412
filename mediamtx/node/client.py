"""Client of MediaMTX's control API (v1.20.1): list paths, look up and kick connections. Implements `MediaServer`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import NamedTuple, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from control_plane.streams.media.api_password import api_authorization
from control_plane.streams.media.model import (
    Admitted,
    MediaConnection,
    MediaPath,
    MediaServerInfo,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    SourceId,
)
from mediamtx.node import wire

T = TypeVar("T")

ITEMS_PER_PAGE = 250
"""Paths per page. Decoding a page blocks the event loop for about 2 ms (`make bench-reconciler`), longer with hundreds of
viewers on each path. Smaller pages cost MediaMTX more, which lists all its paths for each page."""


DEADLINE_S = 2.0
"""Deadline of every other call. Larger: a media server that hangs is noticed later. Smaller: calls fail on a busy
machine."""
LISTING_S = 10.0
"""Deadline of a page of paths. MediaMTX asks each path in turn, and a path waits for all auth callbacks before it: with
a hundred encoders that reconnect constantly on a busy machine, 9 s. It builds the page also for a caller that gave up,
so a retry after a short deadline makes it slower. Larger than its read timeout, for which one callback can block it."""


class _Kind(NamedTuple):
    resource: str
    protocol: str


KINDS = {
    "rtmpConn": _Kind("rtmpconns", "rtmp"),
    "rtmpsConn": _Kind("rtmpsconns", "rtmps"),
    "rtspSession": _Kind("rtspsessions", "rtsp"),
    "rtspsSession": _Kind("rtspssessions", "rtsps"),
    "srtConn": _Kind("srtconns", "srt"),
    "webRTCSession": _Kind("webrtcsessions", "webrtc"),
    "hlsSession": _Kind("hlssessions", "hls"),
    "moqSession": _Kind("moqsessions", "moq"),
}
"""Connections that can be looked up and kicked, by the `type` in paths, hooks and readers."""

ADMITTED = {"rtmp": "rtmpconns", "srt": "srtconns", "webrtc": "webrtcsessions"}
"""Where the connection of an auth request is found, by the request's `protocol`: those that our configuration opens for
publishers."""


class MediaMTXClient:
    """`async with MediaMTXClient("http://127.0.0.1:9997", config.api_password) as client`.

    Connections are kept open between calls. All methods raise MediaServerUnavailable.
    """

    def __init__(
        self,
        api_url: str,
        api_password: str,
        deadline_s: float = DEADLINE_S,
        items_per_page: int = ITEMS_PER_PAGE,
        listing_s: float = LISTING_S,
    ) -> None:
        self._base = bare(api_url)
        self._authorization = api_authorization(api_password)
        self._deadline_s = deadline_s
        self._listing_s = listing_s
        self._items_per_page = items_per_page
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # No timeout of aiohttp: `_deadline` bounds each call.
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), headers=self._authorization)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def info(self) -> MediaServerInfo:
        async with self._deadline("info"):
            return _present(await self._get("info", wire.Info), "info").value()

    async def list_paths(self) -> AsyncIterator[Sequence[MediaPath]]:
        """Yield the paths page by page.

        MediaMTX cuts each page from a fresh list, sorted by name. So a path that moves across the boundary of two pages
        is missed or listed twice.
        """
        number, count = 0, 1
        while number < count:
            call = f"paths/list?itemsPerPage={self._items_per_page}&page={number}"
            async with self._deadline("paths", self._listing_s):
                page = _present(await self._get(call, wire.PathList), "paths")
                paths = [item.value() for item in page.items]
            yield paths
            number, count = number + 1, page.page_count if paths else 0

    async def get_path(self, name: PathName) -> MediaPath | None:
        async with self._deadline("path"):
            path = await self._get(f"paths/get/{quote(name)}", wire.Path)
        return path.value() if path else None

    async def get_connection(self, source: MediaSource) -> MediaConnection | None:
        """Return the connection; None if it is gone or `source` is no connection, e.g. a source that MediaMTX pulls."""
        kind = KINDS.get(source.kind)
        if kind is None:
            return None
        async with self._deadline(kind.resource):
            connection = await self._get(f"{kind.resource}/get/{quote(source.id, safe='')}", wire.Connection)
        return connection.value(source, kind.protocol) if connection else None

    async def kick(self, source: MediaSource) -> bool:
        kind = KINDS.get(source.kind)
        if kind is None:
            raise MediaServerUnavailable(f"The media server has a {source.kind}, which cannot be disconnected.")
        return await self._kick(kind.resource, source.id)

    async def kick_admitted(self, connection: Admitted) -> bool:
        resource = ADMITTED.get(connection.protocol)
        return resource is not None and await self._kick(resource, connection.id)

    async def _kick(self, resource: str, source_id: SourceId) -> bool:
        """MediaMTX closes the connection before it answers, and its paths do not take part: while `paths/…` wait for
        many auth callbacks, this does not."""
        async with self._deadline(resource):
            return await self._call("POST", f"{resource}/kick/{quote(source_id, safe='')}") is not None

    @asynccontextmanager
    async def _deadline(self, what: str, deadline_s: float | None = None) -> AsyncIterator[None]:
        """Bound a call by the deadline and turn its errors into MediaServerUnavailable, whose text has no addresses."""
        deadline_s = deadline_s or self._deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except TimeoutError as error:
            raise MediaServerUnavailable(
                f"The media server did not answer within {deadline_s:g} s ({what})."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise MediaServerUnavailable(
                f"The media server cannot be reached ({what}: {type(error).__name__})."
            ) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise MediaServerUnavailable(f"The media server's answer cannot be read ({what}).") from error

    async def _get(self, call: str, model: type[T]) -> T | None:
        body = await self._call("GET", call)
        return None if body is None else msgspec.json.decode(body, type=model)

    async def _call(self, method: str, call: str) -> bytes | None:
        """Return the body of a 200; None for a 404, which MediaMTX also answers if the protocol's server is off."""
        assert self._session is not None, "used outside `async with`"
        url = URL(f"{self._base}/v3/{call}", encoded=True)
        async with self._session.request(method, url, allow_redirects=False) as response:
            if response.status == 404:
                return None
            if response.status != 200:
                raise MediaServerUnavailable(f"The media server answered {response.status} ({call.split('/')[0]}).")
            return await response.read()


def bare(api_url: str) -> str:
    """Remove user and password from the URL, since the API password is sent instead."""
    return str(URL(api_url).with_user(None)).rstrip("/")


def _present(answer: T | None, what: str) -> T:
    if answer is None:
        raise MediaServerUnavailable(f"The media server does not know the call ({what}).")
    return answer
