"""What the control plane asks of a media server. `mediamtx/` fulfils it; nothing here knows how."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

from control_plane.base.errors import ControlPlaneError, ErrorKind

PathName = NewType("PathName", str)
SourceId = NewType("SourceId", str)
Size = tuple[int, int]
"""Width and height of a picture."""


class MediaServerUnavailable(ControlPlaneError):
    """The media server did not answer in time, or answered what cannot be read. Says nothing about any path."""

    code = "media_server_unavailable"
    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class MediaSource:
    """One publisher's connection. `id` is the same in the auth request, the hooks and the control API."""

    kind: str
    """The media server's own word: rtmpConn, srtConn, webRTCSession, ..."""
    id: SourceId


@dataclass(frozen=True, slots=True)
class MediaPath:
    """A path as the media server sees it at this moment."""

    name: PathName
    online: bool
    source: MediaSource | None
    inbound_bytes: int
    codecs: tuple[str, ...] = ()
    """Of its tracks, in the media server's own words."""
    size: Size | None = None
    """Of the picture that the publisher sends now; None without one, or where the codec does not say."""


@dataclass(frozen=True, slots=True)
class MediaConnection:
    """Who is behind a source: kept with the publisher's session."""

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
    """Every call has a deadline of its own and raises MediaServerUnavailable past it."""

    async def info(self) -> MediaServerInfo: ...

    def list_paths(self) -> AsyncIterator[Sequence[MediaPath]]:
        """All paths, page by page, with a deadline for each page. Pages are not of one moment: a path may be missing, or listed twice,
        when others come or go meanwhile. So a path that is missing is gone only if `get_path` says so as well."""
        ...

    async def get_path(self, name: PathName) -> MediaPath | None: ...

    async def get_connection(self, source: MediaSource) -> MediaConnection | None: ...

    async def kick(self, source: MediaSource) -> bool:
        """Close this connection; False when it is already gone."""
        ...
