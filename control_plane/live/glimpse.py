"""Reads from a stored event what the hub needs to know of it."""

from __future__ import annotations

import msgspec

from control_plane.eventlog.types import EventType
from control_plane.streams.model import Status


class _State(msgspec.Struct):
    status: object = None


class Glimpse(msgspec.Struct):
    """The fields of a stored frame that the hub needs. It also reads frames that another release wrote."""

    type: str
    data: _State

    @property
    def ends_the_stream(self) -> bool:
        return self.type == EventType.STATUS and self.data.status == Status.ENDED


_glimpses = msgspec.json.Decoder(Glimpse)


def glimpse(frame: str) -> Glimpse:
    return _glimpses.decode(frame)
