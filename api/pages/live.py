"""What is live at this moment, as `/live` tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
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


class _FromDatabase(NamedTuple):
    username: str
    coins: int


class LiveNow:
    """How streams stand is told as it is; what the database knows beside it is looked up once a second at most, however many ask. So an ended
    stream is gone at once, and a new one appears within a second."""

    def __init__(self, platform: Platform, viewers: Viewers, thumbnail_of: ThumbnailOf) -> None:
        self._platform = platform
        self._viewers = viewers
        self._thumbnail_of = thumbnail_of
        self._remembered: Mapping[StreamId, _FromDatabase] = {}
        self._good_until = float("-inf")
        self._reading = asyncio.Lock()

    async def show(self, request: web.Request) -> web.Response:
        """Raises DatabaseUnavailable."""
        urls = request_urls(request, self._platform)
        found = await self._from_database()
        items = [self._item(stream, found[stream.id], urls) for stream in self._on_air() if stream.id in found]
        return json(LiveList(sorted(items, key=lambda item: (-item.viewers, -item.id))))

    def _on_air(self) -> Sequence[Stream]:
        return [
            stream
            for stream in self._platform.running.all()
            if stream.status in _ON_AIR and stream.visibility is Visibility.PUBLIC
        ]

    async def _from_database(self) -> Mapping[StreamId, _FromDatabase]:
        clock = asyncio.get_running_loop().time
        if clock() >= self._good_until:
            async with self._reading:  # one reads for all that wait
                if clock() >= self._good_until:
                    self._remembered = await self._read()
                    self._good_until = clock() + REMEMBERED_S
        return self._remembered

    async def _read(self) -> Mapping[StreamId, _FromDatabase]:
        owners = {stream.id: stream.user_id for stream in self._on_air()}
        if not owners:
            return {}
        async with self._platform.database.connection() as connection:
            totals = await store.totals(connection, list(owners))
            names = await store.usernames(connection, list(owners.values()))
        return {id_: _FromDatabase(names[owner], totals[id_].coins) for id_, owner in owners.items() if id_ in totals}

    def _item(self, stream: Stream, found: _FromDatabase, urls: Urls) -> LiveItem:
        return LiveItem(
            id=stream.id,
            user_id=stream.user_id,
            username=found.username,
            title=stream.title,
            status=stream.status,
            started_at=iso_ms(stream.live_at) if stream.live_at else "",
            viewers=self._viewers(stream.id),
            coins=found.coins,
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
