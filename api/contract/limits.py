"""Rate limits by token buckets, and limits of concurrent calls. Both are kept in the memory of this process."""

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


class UnderWay:
    """A limit of concurrent calls: `per_one` for one client, `in_all` for all clients together."""

    def __init__(self, per_one: int, in_all: int) -> None:
        self._per_one = per_one
        self._in_all = in_all
        self._total = 0
        self._of: dict[Hashable, int] = {}

    def one(self, who: Hashable | None) -> Slot:
        """`with limit.one(who) as room`: acquires a slot for the duration of the block; `room` is False if none is
        free. `who` None has no limit of its own and counts only in the total."""
        return Slot(self, who)

    def acquire(self, who: Hashable | None) -> bool:
        if self._total >= self._in_all:
            return False
        if who is not None:
            of_one = self._of.get(who, 0)
            if of_one >= self._per_one:
                return False
            self._of[who] = of_one + 1
        self._total += 1
        return True

    def release(self, who: Hashable | None) -> None:
        self._total -= 1
        if who is not None:
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]


class Slot:
    """A class, because a generator with `contextmanager` takes three times as long, and every call needs one."""

    __slots__ = ("_acquired", "_limit", "_who")

    def __init__(self, limit: UnderWay, who: Hashable | None) -> None:
        self._limit, self._who = limit, who

    def __enter__(self) -> bool:
        self._acquired = self._limit.acquire(self._who)
        return self._acquired

    def __exit__(self, *_: object) -> None:
        if self._acquired:
            self._limit.release(self._who)
