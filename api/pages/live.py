"""`GET /live`, the paginated list of public live streams: cached for a second, encoded once for all callers from whom a
block hides the same streams, that is for nearly all."""

from __future__ import annotations

import asyncio
import hashlib
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from itertools import islice
from time import monotonic
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import msgspec
from aiohttp import ETag, web
from cachetools import LRUCache

from api.contract.request import MalformedRequest
from api.http.urls import Urls
from control_plane.base.clock import iso_ms
from control_plane.base.ids import StreamId, UserId
from control_plane.db.pool import Database
from control_plane.streams import store
from control_plane.streams.model import Status, Stream, Visibility
from control_plane.streams.running import RunningStreams

T = TypeVar("T")

Viewers = Callable[[StreamId], int]
ThumbnailOf = Callable[[StreamId], str]
"""Stream → path of its thumbnail below `/media/`, different for each new picture; "" without one."""

HiddenHosts = Callable[[web.Request], Awaitable[Set[UserId]]]
"""The users whose streams are hidden from the caller. Raises DatabaseUnavailable."""

REMEMBERED_S = 1.0
"""How long the order and the pages are cached. Smaller sorts and queries more often; larger shows older figures."""
PAGE_ITEMS = 100
"""Streams on a page. Encoding does not yield, about a millisecond for 100: more block the event loop for longer."""
SLICE = 500
"""Streams examined before yielding to the event loop. More block it for longer; fewer make the sort take longer."""
PAGES_REMEMBERED = 256
"""Cached pages; the least recently used is evicted. With LIVE_LAN each host name in use has its own pages, so a small
cache encodes pages more than once a second."""
CACHE_CONTROL = "public, max-age=1"
CACHE_CONTROL_HIDDEN = "private, max-age=1"
VARY = "Accept-Encoding, Authorization, Cookie"
_ON_AIR = {Status.LIVE, Status.INTERRUPTED}
_PAGE = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(?P<q>[0-9.]*)\s*)?(?:,|$)", re.IGNORECASE)

_encoder = msgspec.json.Encoder()


class LiveItem(msgspec.Struct, frozen=True, kw_only=True):
    """A public live stream."""

    id: int
    user_id: int
    username: str
    profile_pic: str
    """The host's picture. "" without one."""
    title: str
    """May be empty."""
    status: Status
    """`live`, or `interrupted` while the stream waits for its publisher to reconnect. Ended streams are not listed."""
    started_at: str
    """The time when it first went live, such as `2026-01-31T12:00:00.000Z`."""
    viewers: int
    """Number of viewers on the live socket, without the host."""
    coins: int
    """Coins of all gifts sent so far."""
    playback_url: str
    """The HLS playlist."""
    websocket_url: str
    """The live socket, which `/asyncapi.json` describes."""
    watch_url: str
    """The watch page for browsers."""
    thumbnail_url: str
    """A JPEG. Each new picture has a new URL. "" while there is none."""


class LiveList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the live streams: most viewers first, then newest first."""

    streams: Sequence[LiveItem]
    page: int
    """The number of this page, from 1."""
    pages: int
    """The current number of pages, at least 1. A page after the last one is empty."""
    total: int
    """The number of streams on all pages."""


class _Order(NamedTuple):
    """The listed streams at one moment."""

    stream_ids: Sequence[StreamId]
    by_host: Mapping[UserId, StreamId]


_Pages: TypeAlias = "LRUCache[tuple[str, int, frozenset[StreamId]], _Shared[_Page]]"
"""By host name, number of the page, and the streams that are hidden from the caller."""


class LiveNow:
    """Sorts all streams at most once a second and encodes each page when it is first requested. Callers share the
    encoded bytes; those with a block with a running host share them with callers from whom the same streams are hidden.
    A stream that has ended or is no longer public is removed from a cached page at once; other changes show within a
    second."""

    def __init__(
        self,
        database: Database,
        running: RunningStreams,
        urls_of: Callable[[web.Request], Urls],
        viewers: Viewers,
        thumbnail_of: ThumbnailOf,
        hidden_hosts: HiddenHosts,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._running = running
        self._urls_of = urls_of
        self._viewers = viewers
        self._thumbnail_of = thumbnail_of
        self._hidden_hosts = hidden_hosts
        self._clock = clock
        self._good_until = float("-inf")
        self._order: _Shared[_Order] = _Shared()
        self._pages: _Pages = LRUCache(PAGES_REMEMBERED)

    async def show(self, request: web.Request) -> web.Response:
        """One page of the list. Raises MalformedRequest, DatabaseUnavailable."""
        number, urls = page_number(request), self._urls_of(request)
        hosts = await self._hidden_hosts(request)
        if self._clock() >= self._good_until:
            self._good_until = self._clock() + REMEMBERED_S
            self._order, self._pages = _Shared(), LRUCache(PAGES_REMEMBERED)
        pages = self._pages  # kept before the await, so that page and order belong to the same second
        order = await self._order.get(self._sort)
        hidden = frozenset(order.by_host[host] for host in order.by_host.keys() & hosts)
        total = len(order.stream_ids) - len(hidden)
        if (number - 1) * PAGE_ITEMS >= total and number > 1:
            return _Page(number, total, []).response(request)
        shared = pages.setdefault((urls.host, number, hidden), _Shared())
        page = await shared.get(lambda: self._make(number, order, hidden, urls))
        page.drop([stream_id for stream_id in page.items if not _may_be_listed(self._running.get(stream_id))])
        return page.response(request)

    async def _sort(self) -> _Order:
        # One integer for each stream, with the viewers in its high bits: sorting integers needs no key function.
        numbers, by_host = [], {}
        for looked_at, stream in enumerate(self._running.all(), 1):
            if _may_be_listed(stream):
                numbers.append(self._viewers(stream.id) << 32 | stream.id)
                by_host[stream.user_id] = stream.id
            if looked_at % SLICE == 0:
                await asyncio.sleep(0)
        numbers.sort(reverse=True)
        return _Order([StreamId(number & 0xFFFFFFFF) for number in numbers], by_host)

    async def _make(self, number: int, order: _Order, hidden: Set[StreamId], urls: Urls) -> _Page:
        shown = (stream_id for stream_id in order.stream_ids if stream_id not in hidden)
        wanted = list(islice(shown, (number - 1) * PAGE_ITEMS, number * PAGE_ITEMS))
        listed = await store.listed(self._database, wanted) if wanted else {}
        items = []
        for stream_id in wanted:
            stream = self._running.get(stream_id)
            if stream is not None and _may_be_listed(stream) and stream_id in listed:
                items.append(self._item(stream, listed[stream_id], urls))
        total = len(order.stream_ids) - len(hidden)
        return _Page(number, total, items, CACHE_CONTROL_HIDDEN if hidden else CACHE_CONTROL)

    def _item(self, stream: Stream, listed: store.Listed, urls: Urls) -> LiveItem:
        return LiveItem(
            id=stream.id,
            user_id=stream.user_id,
            username=listed.username,
            profile_pic=urls.media(listed.profile_pic),
            title=stream.title,
            status=stream.status,
            started_at=iso_ms(stream.live_at) if stream.live_at else "",
            viewers=self._viewers(stream.id),
            coins=listed.coins,
            playback_url=urls.playback(stream.path),
            websocket_url=urls.websocket(stream.id),
            watch_url=urls.watch(stream.id),
            thumbnail_url=urls.media(self._thumbnail_of(stream.id)),
        )


def _may_be_listed(stream: Stream | None) -> bool:
    return stream is not None and stream.status in _ON_AIR and stream.visibility is Visibility.PUBLIC


class _Page:
    """A cached page. It is encoded when it is first sent, and again after a stream was dropped from it."""

    def __init__(self, number: int, total: int, items: Sequence[LiveItem], cache_control: str = CACHE_CONTROL) -> None:
        self.items = {StreamId(item.id): item for item in items}
        self._number = number
        self._total = total
        self._cache_control = cache_control
        self._body = b""
        self._gzipped = b""
        self._etag = ""

    def drop(self, stream_ids: Sequence[StreamId]) -> None:
        if stream_ids:
            for stream_id in stream_ids:
                del self.items[stream_id]
            self._total -= len(stream_ids)
            self._body = self._gzipped = b""

    def response(self, request: web.Request) -> web.Response:
        if not self._body:
            self._encode()
        headers = {"Cache-Control": self._cache_control, "Vary": VARY}
        if any(tag.value in (self._etag, "*") for tag in request.if_none_match or ()):
            response = web.Response(status=304, headers=headers)
        else:
            body = self._body
            if accepts_gzip(request.headers.get("Accept-Encoding", "")):
                body = self._gzipped = self._gzipped or _gzip(self._body)
                headers["Content-Encoding"] = "gzip"
            response = web.Response(body=body, headers=headers, content_type="application/json", charset="utf-8")
        # Weak, because it is the same for both encodings.
        response.etag = ETag(self._etag, is_weak=True)
        return response

    def _encode(self) -> None:
        pages = max(1, -(-self._total // PAGE_ITEMS))
        self._body = _encoder.encode(
            LiveList(streams=list(self.items.values()), page=self._number, pages=pages, total=self._total)
        )
        self._etag = hashlib.sha256(self._body).hexdigest()[:32]


class _Shared(Generic[T]):
    """A cached result that the first caller computes and all callers await. A failure is raised for all that wait;
    the next caller tries again."""

    def __init__(self) -> None:
        self._made: asyncio.Task[T] | None = None

    async def get(self, make: Callable[[], Awaitable[T]]) -> T:
        task = self._made
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._made = asyncio.ensure_future(_run(make))
        return await asyncio.shield(task)  # a cancelled caller must not cancel the result for others


async def _run(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


def page_number(request: web.Request) -> int:
    """The page number in `?page=`, 1 without it. Raises MalformedRequest."""
    given = request.query.getall("page", ["1"])
    if len(given) != 1 or not _PAGE.fullmatch(given[0]):
        raise MalformedRequest("page must be a whole number from 1 to 999999.")
    return int(given[0])


def accepts_gzip(accept_encoding: str) -> bool:
    match = _GZIP.search(accept_encoding)
    return match is not None and (match["q"] is None or match["q"].strip("0.") != "")


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(6, wbits=31)
    return compressor.compress(body) + compressor.flush()
