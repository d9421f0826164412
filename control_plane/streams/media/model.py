"""The media server as the control plane sees it: a Protocol and its values. `mediamtx/` implements it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

from control_plane.base.errors import ControlPlaneError, ErrorKind

PathName = NewType("PathName", str)
SourceId = NewType("SourceId", str)
Size = tuple[int, int]
"""Width and height of a picture, in pixels."""


class MediaServerUnavailable(ControlPlaneError):
    """The media server did not answer in time, or its answer cannot be read. Says nothing about any path."""

    code = "media_server_unavailable"
    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class MediaSource:
    """A publisher's connection. `id` is the same in the auth request, the hooks and the control API."""

    kind: str
    """As the media server names it: rtmpConn, srtConn, webRTCSession, ..."""
    id: SourceId


@dataclass(frozen=True, slots=True)
class Admitted:
    """A connection that the auth callback admitted as a publisher. It may not be online yet."""

    id: SourceId
    protocol: str
    """As in the auth request: rtmp, srt, webrtc, ..."""
    key_version: int
    """Version of the key that admitted it."""


@dataclass(frozen=True, slots=True)
class MediaPath:
    """The state of a path on the media server."""

    name: PathName
    online: bool
    source: MediaSource | None
    inbound_bytes: int
    codecs: tuple[str, ...] = ()
    """Codecs of its tracks, as the media server names them."""
    size: Size | None = None
    """Size of the picture that the publisher sends now; None without a picture, or if the codec does not say."""


@dataclass(frozen=True, slots=True)
class MediaConnection:
    """Details of a publisher's connection, stored with the publisher's session."""

    source: MediaSource
    created_at: dt.datetime
    remote_address: str
    protocol: str
    """rtmp, rtmps, srt, webrtc, rtsp, ..."""
    user_agent: str
    inbound_bytes: int


@dataclass(frozen=True, slots=True)
class MediaServerInfo:
    version: str
    started_at: dt.datetime


class MediaServer(Protocol):
    """Every call has its own timeout and raises MediaServerUnavailable when it is over."""

    async def info(self) -> MediaServerInfo: ...

    def list_paths(self) -> AsyncIterator[Sequence[MediaPath]]:
        """List all paths page by page, with a timeout for each page. Pages are not of one moment: a path may be missing
        or listed twice while others come and go. So a missing path is gone only if `get_path` confirms it."""
        ...

    async def get_path(self, name: PathName) -> MediaPath | None: ...

    async def get_connection(self, source: MediaSource) -> MediaConnection | None: ...

    async def kick(self, source: MediaSource) -> bool:
        """Disconnect this publisher; False if it is already gone."""
        ...

    async def kick_admitted(self, connection: Admitted) -> bool:
        """Disconnect this connection, online or not; False if it is already gone, or cannot be found by its id."""
        ...
