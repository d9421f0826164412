"""Long work on the loop, in slices: everything else has its turn in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

SLICE_S = 0.002
SLICE_WEIGHT = 16
"""The loop may be held for 5 ms. What a step costs shows only in part while it runs: uvloop sends when the loop comes round, and a socket
that was let go has its own task to wake. Hence a limit to both."""
TURNS_OF_OTHERS = 4
"""Of the loop, between two slices: as many as an auth callback takes, from its connection to its answer."""
TURN = 16
"""Steps of one round before it is the next one's turn, so that a small stream does not wait for a big one."""


class Rounds:
    """Iterators whose steps answer what they weigh: 1 is a write to a socket, about 10 µs."""

    def __init__(self) -> None:
        self._waiting: deque[Iterator[int]] = deque()
        self._added = asyncio.Event()

    def add(self, steps: Iterator[int]) -> None:
        self._waiting.append(steps)
        self._added.set()

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._added.wait()
            self._added.clear()
            until, weight = clock() + SLICE_S, 0
            while self._waiting:
                steps = self._waiting.popleft()
                for _ in range(TURN):
                    step = next(steps, None)
                    if step is None:
                        break
                    weight += step
                    if weight >= SLICE_WEIGHT or clock() >= until:
                        for _ in range(TURNS_OF_OTHERS):
                            await asyncio.sleep(0)
                        until, weight = clock() + SLICE_S, 0
                else:
                    self._waiting.append(steps)
