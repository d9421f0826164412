"""Limits how many uploads are decoded at once, and how many wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.pictures.model import TooManyPictures


class Turns:
    """`at_once` at the same time; `waiting` more wait for their turn, and the next is refused."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._here = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Raises TooManyPictures."""
        if self._here >= self._most:
            raise TooManyPictures
        self._here += 1
        try:
            async with self._free:
                yield
        finally:
            self._here -= 1
