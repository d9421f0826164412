"""Rate limits by token buckets, kept in the memory of this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from cachetools import LRUCache

REMEMBERED = 50_000
"""Token buckets kept; the least recently used is evicted, and its client starts again with a full bucket. With fewer,
an attacker with many addresses resets the limits of others; more need more memory."""
ROUNDING = 1e-6
"""Tolerance, so that a caller who waits exactly Retry-After is admitted."""


class RateLimit:
    """A token bucket for each client: `per_minute` calls on average, and bursts of a sixth of that."""

    def __init__(self, per_minute: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._burst = max(1.0, per_minute / 6)
        self._now = now
        self._buckets: LRUCache[Hashable, tuple[float, float]] = LRUCache(REMEMBERED)

    def wait_s(self, who: Hashable) -> float:
        """Take one token. Returns 0 if there was one, else the seconds until the next one."""
        now = self._now()
        level, at = self._buckets.get(who, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_s)
        taken = level >= 1 - ROUNDING
        self._buckets[who] = (level - 1 if taken else level, now)
        return 0.0 if taken else (1 - level) / self._per_s
