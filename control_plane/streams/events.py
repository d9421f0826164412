"""The event of a stream in its log: a change of its status."""

from __future__ import annotations

import msgspec

from control_plane.eventlog.types import EventData
from control_plane.streams.model import Status, Stream


class Summary(msgspec.Struct, frozen=True):
    duration_s: int
    peak_viewers: int
    coins: int
    likes: int

    @classmethod
    def of(cls, stream: Stream) -> Summary:
        return cls(
            duration_s=stream.duration_s(), peak_viewers=stream.peak_viewers, coins=stream.coins, likes=stream.likes
        )


class StatusChange(EventData, frozen=True, omit_defaults=True):
    status: Status
    reason: str | None = None
    summary: Summary | None = None
