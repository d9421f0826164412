"""Cooperative scheduling of long work on the event loop: in slices, with other tasks in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

SLICE_S = 0.002
SLICE_WEIGHT = 16
"""Limits of one slice: seconds, and socket writes. The loop may be blocked for 5 ms. Time alone does not show what a
step costs: uvloop sends later, and a disconnected socket wakes a task. Larger: auth callbacks wait longer. Smaller:
delivery to many sockets takes longer."""
TURNS_OF_OTHERS = 4
"""Event-loop iterations to yield between slices. An auth callback needs four, from its connection to its answer.
Larger: delivery is slower. Smaller: an auth callback waits for several slices."""
TURN = 16
"""Steps of one round before the next round's turn. Larger: a small stream waits for a big one. Smaller: more
switching."""


class Rounds:
    """Runs iterators in turn. Each step yields its cost: 1 is a write to a socket, about 10 µs."""

    def __init__(self) -> None:
        self._waiting: deque[Iterator[int]] = deque()
        self._added = asyncio.Event()

    def add(self, steps: Iterator[int]) -> None:
        self._waiting.append(steps)
        self._added.set()

    async def run(self) -> None:
        """Run until cancelled."""
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
