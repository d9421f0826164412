"""Limits a warning that may repeat without end: counted, and logged at most once per period."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

EVERY_S = 1.0
"""Larger: the log shows later that it goes on. Smaller: a flood writes more lines."""


class LogLimit:
    """Counts occurrences by reason. The first is logged at once, those after it together when `every_s` is over, so
    that a flood of connections or messages does not flood the log. `log_it`: reason, number."""

    def __init__(self, log_it: Callable[[str, int], None], every_s: float = EVERY_S) -> None:
        self._log_it = log_it
        self._every_s = every_s
        self._counts: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, why: str) -> None:
        self._counts[why] += 1
        if self._timer is None:
            self._log_and_wait()

    def flush(self) -> None:
        """Log what was counted since the last line."""
        counts, self._counts = self._counts, Counter()
        for why, number in counts.items():
            self._log_it(why, number)

    def _period_over(self) -> None:
        self._timer = None
        if self._counts:
            self._log_and_wait()

    def _log_and_wait(self) -> None:
        self.flush()
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._period_over)
