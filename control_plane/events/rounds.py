"""Long work on the loop, in slices: everything else has its turn in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

SLICE_S = 0.002
"""The loop may be held for 5 ms; the last step of a slice, and what else became ready meanwhile, take some of it."""
TURN = 16
"""Steps of one round before it is the next one's turn, so that a small stream does not wait for a big one."""

_DONE = object()


class Rounds:
    """Iterators whose steps are a few microseconds each."""

    def __init__(self) -> None:
        self._waiting: deque[Iterator[None]] = deque()
        self._added = asyncio.Event()

    def add(self, steps: Iterator[None]) -> None:
        self._waiting.append(steps)
        self._added.set()

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._added.wait()
            self._added.clear()
            until = clock() + SLICE_S
            while self._waiting:
                steps = self._waiting.popleft()
                for _ in range(TURN):
                    if next(steps, _DONE) is _DONE:
                        break
                    if clock() >= until:
                        await asyncio.sleep(0)
                        until = clock() + SLICE_S
                else:
                    self._waiting.append(steps)
