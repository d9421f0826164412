"""JSON encoding of events: an event is encoded once, stored in that form and sent unchanged."""

from __future__ import annotations

import datetime as dt

import msgspec

from control_plane.base.clock import iso_ms
from control_plane.base.ids import Seq
from control_plane.eventlog.types import EventData, EventType

_encoder = msgspec.json.Encoder()


class _Numbered(msgspec.Struct):
    type: EventType
    seq: Seq
    at: str
    data: EventData


def encode_event(type_: EventType, seq: Seq, at: dt.datetime, data: EventData) -> str:
    """The event's frame: one JSON object."""
    return _encoder.encode(_Numbered(type_, seq, iso_ms(at), data)).decode()
