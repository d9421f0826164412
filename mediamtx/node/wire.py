"""JSON of MediaMTX's control API, as far as we read it (v1.20.1, internal/defs). Unknown keys are skipped.

`query` is left out on purpose: it contains stream keys.
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
"""Characters kept of a text that a client sent. Larger: encoders can fill the database."""


class Info(msgspec.Struct, frozen=True):
    version: str
    started: dt.datetime

    def value(self) -> MediaServerInfo:
        return MediaServerInfo(self.version, _utc(self.started))


class Source(msgspec.Struct, frozen=True):
    type: str
    id: str


class CodecProps(msgspec.Struct, frozen=True):
    """Picture size, present for H264, H265 and AV1. MediaMTX updates it when the publisher sends new parameters."""

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
    """`readers` is left out: it has an entry for each viewer."""

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
    """Any kind of connection or session. SRT has no user agent; HLS sessions have no inbound bytes."""

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
    """Remove NUL, which PostgreSQL refuses, and cut the text: MediaMTX passes on what a client sends, of any length."""
    return by_a_stranger.replace("\0", "")[:LONGEST_TOLD]


def _utc(at: dt.datetime) -> dt.datetime:
    """MediaMTX writes local time with an offset."""
    return at.astimezone(dt.UTC)
