"""Something that is asked for with every call and changes once in a while, kept in memory for a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

LIFETIME_S = 5.0


class Remembered(Generic[T]):
    """Read anew when it is older than `lifetime_s` and somebody asks. The same object is answered until then."""

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
        """Raises what reading raises."""
        if self._value is None or self._clock() >= self._good_until:
            async with self._reading:  # one reads for all that wait
                if self._value is None or self._clock() >= self._good_until:
                    self._value = await self._read()
                    self._good_until = self._clock() + self._lifetime_s
        return self._value
