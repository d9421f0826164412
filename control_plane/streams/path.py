"""The path of a stream on the media server, `live/<id>`, and ids of streams in text."""

from __future__ import annotations

import re

from control_plane.base.ids import LARGEST_ID, StreamId
from control_plane.streams.media.model import PathName

APP = "live"
"""First part of every path. In an RTMP URL it is the application."""
_ID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


def path_of(stream_id: StreamId) -> PathName:
    return PathName(f"{APP}/{stream_id}")


def id_of(path: PathName) -> StreamId | None:
    """None: this is not the path of a stream."""
    app, _, number = path.partition("/")
    return parse_id(number) if app == APP else None


def parse_id(text: str) -> StreamId | None:
    """The id as apps and addresses write it: decimal digits without leading zeros. None for any other text."""
    number = int(text) if _ID.fullmatch(text) else 0
    return StreamId(number) if 1 <= number <= LARGEST_ID else None
