"""The event of a stream in its log: a change of its status."""

from __future__ import annotations

import msgspec

from control_plane.eventlog.types import EventData
from control_plane.streams.model import Status


class Summary(msgspec.Struct, frozen=True):
    duration_s: int
    peak_viewers: int
    coins: int
    likes: int


class StatusChange(EventData, frozen=True, omit_defaults=True):
    status: Status
    reason: str | None = None
    summary: Summary | None = None
