"""The path of a stream on the media server, `live/<id>`, and ids of streams in text."""

from __future__ import annotations

from control_plane.base.ids import StreamId, id_in
from control_plane.streams.media.model import PathName

APP = "live"
"""First part of every path. In an RTMP URL it is the application."""


def path_of(stream_id: StreamId) -> PathName:
    return PathName(f"{APP}/{stream_id}")


def id_of(path: PathName) -> StreamId | None:
    """None: this is not the path of a stream."""
    app, _, number = path.partition("/")
    return parse_id(number) if app == APP else None


def parse_id(text: str) -> StreamId | None:
    """None: the text is not an id."""
    number = id_in(text)
    return None if number is None else StreamId(number)
