"""What is live at this moment, as `/live` tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from aiohttp import web

from api.pages.answers import json, request_urls
from api.platform import Platform
from api.urls import Urls
from control_plane.clock import iso_ms
from control_plane.events import store
from control_plane.events.types import Status
from control_plane.ids import StreamId
from control_plane.streams.stream import Stream, Visibility

Viewers = Callable[[StreamId], int]
ThumbnailOf = Callable[[StreamId], str]
"""Where a stream's picture is below `/media/`; "" while there is none."""

REMEMBERED_S = 1.0
_ON_AIR = {Status.LIVE, Status.INTERRUPTED}


class LiveItem(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    user_id: int
    username: str
    title: str
    status: Status
    started_at: str
    viewers: int
    coins: int
    playback_url: str
    websocket_url: str
    watch_url: str
    thumbnail_url: str


class LiveList(msgspec.Struct, frozen=True):
    streams: Sequence[LiveItem]


class _OnAir(NamedTuple):
    stream: Stream
    username: str
    coins: int


class LiveNow:
    """Who is on air is looked up once a second at most, however many ask."""

    def __init__(self, platform: Platform, viewers: Viewers, thumbnail_of: ThumbnailOf) -> None:
        self._platform = platform
        self._viewers = viewers
        self._thumbnail_of = thumbnail_of
        self._known: Sequence[_OnAir] = ()
        self._good_until = float("-inf")
        self._reading = asyncio.Lock()

    async def show(self, request: web.Request) -> web.Response:
        """Raises DatabaseUnavailable."""
        urls = request_urls(request, self._platform)
        items = [self._item(on_air, urls) for on_air in await self._on_air()]
        return json(LiveList(sorted(items, key=lambda item: (-item.viewers, -item.id))))

    async def _on_air(self) -> Sequence[_OnAir]:
        clock = asyncio.get_running_loop().time
        if clock() >= self._good_until:
            async with self._reading:  # one reads for all that wait
                if clock() >= self._good_until:
                    self._known = await self._read()
                    self._good_until = clock() + REMEMBERED_S
        return self._known

    async def _read(self) -> Sequence[_OnAir]:
        streams = [
            stream
            for stream in self._platform.running.all()
            if stream.status in _ON_AIR and stream.visibility is Visibility.PUBLIC
        ]
        if not streams:
            return ()
        async with self._platform.database.connection() as connection:
            totals = await store.totals(connection, [stream.id for stream in streams])
            names = await store.usernames(connection, [stream.user_id for stream in streams])
        return [
            _OnAir(stream, names[stream.user_id], totals[stream.id].coins) for stream in streams if stream.id in totals
        ]

    def _item(self, on_air: _OnAir, urls: Urls) -> LiveItem:
        stream = on_air.stream
        return LiveItem(
            id=stream.id,
            user_id=stream.user_id,
            username=on_air.username,
            title=stream.title,
            status=stream.status,
            started_at=iso_ms(stream.live_at) if stream.live_at else "",
            viewers=self._viewers(stream.id),
            coins=on_air.coins,
            playback_url=urls.playback(stream.path),
            websocket_url=urls.websocket(stream.id),
            watch_url=urls.watch(stream.id),
            thumbnail_url=urls.media(self._thumbnail_of(stream.id)),
        )


def thumbnails(media_dir: Path) -> ThumbnailOf:
    """Pictures that somebody keeps in `<media_dir>/thumbnails/<stream id>.jpg`. The address changes with the picture."""

    def thumbnail_of(stream_id: StreamId) -> str:
        name = f"thumbnails/{stream_id}.jpg"
        try:
            changed_ns = (media_dir / name).stat().st_mtime_ns
        except OSError:
            return ""
        return f"{name}?v={changed_ns // 1_000_000}"

    return thumbnail_of
