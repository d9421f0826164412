"""Time in the control plane: timezone-aware UTC in whole milliseconds."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, dt.UTC)


def iso_ms(at: dt.datetime) -> str:
    """`2026-01-31T12:00:00.000Z`: the format of every time in frames of the live socket."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
