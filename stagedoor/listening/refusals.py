"""Counts refused connections for the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

LOGGED_EVERY_S = 1.0


class Refusals:
    """Counts refusals and logs them at most once per LOGGED_EVERY_S, so that a flood of connections does not flood the
    log."""

    def __init__(self, log_it: Callable[[str, int], None]) -> None:
        self._log_it = log_it
        self._refused: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def note(self, why: str) -> None:
        self._refused[why] += 1
        if self._timer is None:
            self._tell_and_wait()

    def tell(self) -> None:
        refused, self._refused = self._refused, Counter()
        for why, number in refused.items():
            self._log_it(why, number)

    def _tell_again(self) -> None:
        self._timer = None
        if self._refused:
            self._tell_and_wait()

    def _tell_and_wait(self) -> None:
        self.tell()
        self._timer = asyncio.get_running_loop().call_later(LOGGED_EVERY_S, self._tell_again)
