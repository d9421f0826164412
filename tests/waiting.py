"""Wait for what a test expects, and run its background work."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")

DEADLINE_S = 15.0
"""A test that waits this long fails. Longer than any event takes on a machine whose cores are busy."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.02
"""Between two looks: short at first, for most conditions are met at once; then long enough to leave the machine to the others."""


async def until(
    condition: Callable[[], Awaitable[object] | object], deadline_s: float = DEADLINE_S, *, what: str = "the condition"
) -> None:
    """Wait until the condition is true; AssertionError at the deadline."""
    loop = asyncio.get_running_loop()
    end, pause_s = loop.time() + deadline_s, FIRST_PAUSE_S
    while True:
        met = condition()
        if await met if inspect.isawaitable(met) else met:
            return
        assert loop.time() < end, f"{what}: not within {deadline_s} s"
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a task in the background; its failure fails the test."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield task
        task.cancel()


def run_in_thread(work: Coroutine[Any, Any, T]) -> T:
    """In an event loop of its own, for a fixture that is shared by tests with different loops."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
