"""The control API's JSON, as far as we read it (MediaMTX v1.20.1, internal/defs). Unknown keys are skipped.

`query` is left out everywhere on purpose: it holds stream keys.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from control_plane.streams.media.model import (
    MediaConnection,
    MediaPath,
    MediaServerInfo,
    MediaSource,
    PathName,
    SourceId,
)

LONGEST_TOLD = 500


class Info(msgspec.Struct, frozen=True):
    version: str
    started: dt.datetime

    def value(self) -> MediaServerInfo:
        return MediaServerInfo(self.version, _utc(self.started))


class Source(msgspec.Struct, frozen=True):
    type: str
    id: str


class CodecProps(msgspec.Struct, frozen=True):
    """Of H264, H265 and AV1; those of other codecs have no size. The server updates it when the publisher sends new parameters."""

    width: int = 0
    height: int = 0


class Track(msgspec.Struct, frozen=True, rename="camel"):
    codec: str
    codec_props: CodecProps | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        props = self.codec_props
        return (props.width, props.height) if props and props.width and props.height else None


class Path(msgspec.Struct, frozen=True, rename="camel"):
    """Without `readers`, which has an entry for each viewer."""

    name: str
    online: bool
    source: Source | None
    tracks2: list[Track]
    inbound_bytes: int

    def value(self) -> MediaPath:
        return MediaPath(
            name=PathName(self.name),
            online=self.online,
            source=MediaSource(self.source.type, SourceId(self.source.id)) if self.source else None,
            inbound_bytes=self.inbound_bytes,
            codecs=tuple(track.codec for track in self.tracks2),
            size=next((size for track in self.tracks2 if (size := track.size)), None),
        )


class PathList(msgspec.Struct, frozen=True, rename="camel"):
    page_count: int
    items: list[Path]


class Connection(msgspec.Struct, frozen=True, rename="camel"):
    """Any kind of connection or session; SRT knows no user agent, HLS sessions receive nothing."""

    created: dt.datetime
    remote_addr: str
    user_agent: str = ""
    inbound_bytes: int = 0

    def value(self, source: MediaSource, protocol: str) -> MediaConnection:
        return MediaConnection(
            source=source,
            created_at=_utc(self.created),
            remote_address=_told(self.remote_addr),
            protocol=protocol,
            user_agent=_told(self.user_agent),
            inbound_bytes=self.inbound_bytes,
        )


def _told(by_a_stranger: str) -> str:
    """What an encoder says of itself comes through as it is: a NUL byte, which no database takes, or a megabyte."""
    return by_a_stranger.replace("\0", "")[:LONGEST_TOLD]


def _utc(at: dt.datetime) -> dt.datetime:
    """It writes its local time with an offset."""
    return at.astimezone(dt.UTC)
