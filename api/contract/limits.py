"""How often somebody may call: token buckets, in memory, bounded in number."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

REMEMBERED = 50_000
ROUNDING = 1e-6
"""Who waits as long as we said is let in, whatever floating point makes of it."""


class RateLimit:
    """`per_minute` calls on average, as many at once as come in ten seconds' worth."""

    def __init__(self, per_minute: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._burst = max(1.0, per_minute / 6)
        self._now = now
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait_s(self, who: Hashable) -> float:
        """Take one; 0 when there was one, else the seconds until there is."""
        now = self._now()
        level, at = self._buckets.pop(who, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_s)
        taken = level >= 1 - ROUNDING
        self._buckets[who] = (level - 1 if taken else level, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - level) / self._per_s


class UnderWay:
    """How many are under way at once: `per_one` of one client, `in_all` of everybody."""

    def __init__(self, per_one: int, in_all: int) -> None:
        self._per_one = per_one
        self._in_all = in_all
        self._total = 0
        self._of: Counter[Hashable] = Counter()

    @contextmanager
    def one(self, who: Hashable | None) -> Iterator[bool]:
        """Whether there was room for it; it is counted while it lasts. None counts in all only."""
        if self._total >= self._in_all or (who is not None and self._of[who] >= self._per_one):
            if who is not None and not self._of[who]:
                del self._of[who]  # looking made it
            yield False
            return
        self._total += 1
        self._of[who] += 1
        try:
            yield True
        finally:
            self._total -= 1
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]
