"""A media server double, to time each fault exactly."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from control_plane.base.clock import utc_now
from control_plane.streams.media.model import (
    Admitted,
    MediaConnection,
    MediaPath,
    MediaServerInfo,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    Size,
    SourceId,
)


async def _nothing() -> None:
    pass


class FakeMedia:
    """Implements `MediaServer`."""

    def __init__(self) -> None:
        self.paths: dict[PathName, MediaPath] = {}
        self.connections: dict[SourceId, MediaConnection] = {}
        self.kicked: list[SourceId] = []
        self.kicked_admitted: list[Admitted] = []
        self.away = False
        self.hidden: set[PathName] = set()
        """Paths that the listing omits, but that are found by name."""
        self.per_page = 500
        self.pages_answered: int | None = None
        """Number of pages of a listing that are answered; the next one fails."""
        self.closes_at_once = True
        """Whether a kicked connection is closed before the answer."""
        self.asked_for: list[PathName] = []
        self.asked_for_connections: list[SourceId] = []
        self.before_the_listing: Callable[[], Awaitable[None]] = _nothing

    def publish(
        self,
        path: PathName,
        source_id: str,
        *,
        created_at: dt.datetime | None = None,
        sent: int = 0,
        size: Size | None = None,
        protocol: str = "rtmp",
    ) -> None:
        """A publisher connects, and the earlier one is disconnected, as in MediaMTX."""
        self.leave(path)
        source = MediaSource("rtmpConn", SourceId(source_id))
        created_at = created_at or utc_now()
        self.paths[path] = MediaPath(path, True, source, sent, size=size)
        self.connections[source.id] = MediaConnection(source, created_at, "10.0.0.1:5000", protocol, "FMLE/3.0", sent)

    def send(self, path: PathName, sent: int) -> None:
        self.paths[path] = dataclasses.replace(self.paths[path], inbound_bytes=sent)

    def turn(self, path: PathName, size: Size | None) -> None:
        self.paths[path] = dataclasses.replace(self.paths[path], size=size)

    def leave(self, path: PathName) -> None:
        left = self.paths.pop(path, None)
        if left is not None and left.source is not None:
            self.connections.pop(left.source.id, None)

    def _answer(self) -> None:
        if self.away:
            raise MediaServerUnavailable("No answer.")

    async def info(self) -> MediaServerInfo:
        self._answer()
        return MediaServerInfo("v1.20.1", utc_now())

    async def list_paths(self) -> AsyncIterator[Sequence[MediaPath]]:
        await self.before_the_listing()
        self._answer()
        shown = [path for path in self.paths.values() if path.name not in self.hidden]
        for start in range(0, max(len(shown), 1), self.per_page):
            if self.pages_answered is not None and start // self.per_page >= self.pages_answered:
                raise MediaServerUnavailable("No answer.")
            yield shown[start : start + self.per_page]

    async def get_path(self, name: PathName) -> MediaPath | None:
        self.asked_for.append(name)
        self._answer()
        return self.paths.get(name)

    async def get_connection(self, source: MediaSource) -> MediaConnection | None:
        self.asked_for_connections.append(source.id)
        self._answer()
        return self.connections.get(source.id)

    async def kick(self, source: MediaSource) -> bool:
        self._answer()
        self.kicked.append(source.id)
        if source.id not in self.connections:
            return False
        if self.closes_at_once:
            for path in [path for path in self.paths.values() if path.source == source]:
                self.leave(path.name)
        return True

    async def kick_admitted(self, connection: Admitted) -> bool:
        self._answer()
        self.kicked_admitted.append(connection)
        return True
