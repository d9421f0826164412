"""A cache of one value with a time to live, for data that every call reads and that changes rarely."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

LIFETIME_S = 5.0
"""Longer: changes show later. Shorter: more reads from the database."""


class Remembered(Generic[T]):
    """Caches what `read` returns for `lifetime_s`. Until then `get` returns the same object."""

    def __init__(
        self,
        read: Callable[[], Awaitable[T]],
        lifetime_s: float = LIFETIME_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._read = read
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._value: T | None = None
        self._good_until = float("-inf")
        self._reading = asyncio.Lock()

    async def get(self) -> T:
        """Raises what `read` raises."""
        if self._value is None or self._clock() >= self._good_until:
            async with self._reading:  # concurrent callers share one read
                if self._value is None or self._clock() >= self._good_until:
                    self._value = await self._read()
                    self._good_until = self._clock() + self._lifetime_s
        return self._value
