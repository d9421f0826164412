"""Equal calls that overlap share the outcome of the first one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SharedCalls(Generic[K, T]):
    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}

    async def run(self, key: K, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of the call with this key that is running, else of `call`. Raises what the call raises."""
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.create_task(call())
            running.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(running)  # a caller that is cancelled does not cancel the others

    def _ended(self, key: K, task: asyncio.Task[T]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # else asyncio logs it, if every caller was cancelled
