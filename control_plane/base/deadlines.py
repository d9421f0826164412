"""Timeouts for short, frequent operations, on one shared timer.

`asyncio.timeout` creates and cancels a timer of the event loop for each use, which costs up to a quarter of a short
call (`bench/README.md`). Here one timer checks all pending deadlines every STEP_S, so a timeout comes up to STEP_S
late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

STEP_S = 0.1
"""Seconds between two checks. Larger: timeouts come later. Smaller: the checks cost more CPU."""

CutOff = Callable[[], object]


class Deadlines:
    """The pending deadlines of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[object, tuple[float, CutOff]] = {}
        self._looking = False

    def set(self, what: object, seconds: float, cut_off: CutOff) -> None:
        """Call `cut_off` after `seconds`, unless `clear(what)` is called before."""
        self._under_way[what] = (self._loop.time() + seconds, cut_off)
        if not self._looking:
            self._looking = True
            self._loop.call_later(STEP_S, self._look)

    def clear(self, what: object) -> None:
        """Cancel the deadline of `what`. No effect when it has expired."""
        self._under_way.pop(what, None)

    def within(self, seconds: float) -> Within:
        """`with deadlines.within(5): …` raises TimeoutError when the block takes longer. Use it inside a task."""
        return Within(self, self._loop, seconds)

    def _look(self) -> None:
        now = self._loop.time()
        try:
            for what in [what for what, (end, _) in self._under_way.items() if end <= now]:
                if entry := self._under_way.pop(what, None):  # an earlier `cut_off` may have cleared it
                    entry[1]()
        finally:
            self._looking = bool(self._under_way)
            if self._looking:
                self._loop.call_later(STEP_S, self._look)


class Within:
    """Context manager with the semantics of `asyncio.timeout`: cancels the task at the deadline, and converts only its
    own cancellation into TimeoutError."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_seconds", "_task")

    def __init__(self, deadlines: Deadlines, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task(loop)
        assert task is not None, "used in a task"
        self._deadlines, self._task, self._seconds = deadlines, task, seconds
        self._expired = False

    def __enter__(self) -> None:
        self._cancelling = self._task.cancelling()
        self._deadlines.set(self, self._seconds, self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadlines.clear(self)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()
