"""Time in the control plane: timezone-aware UTC in whole milliseconds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    now = dt.datetime.now(dt.UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def iso_ms(at: dt.datetime) -> str:
    """`2026-01-31T12:00:00.000Z`: the format of every time in frames of the live socket."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
