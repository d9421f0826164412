"""The real database, whose uses are counted and whose answers can be timed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from control_plane.db.pool import DEADLINE_S, Connection, Database, Row

Answer = TypeVar("Answer")


class WatchedDatabase(Database):
    """Counts its uses, and can keep an answer back."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        super().__init__(pool)
        self.uses = 0
        self.passing = asyncio.Event()
        """Cleared: the next answers to a question wait for it."""
        self.passing.set()
        self.kept_back = 0

    @asynccontextmanager
    async def connection(self, deadline_s: float = DEADLINE_S) -> AsyncIterator[Connection]:
        self.uses += 1
        async with super().connection(deadline_s) as connection:
            yield connection

    async def fetch(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> list[Row]:
        return await self._passed_on(await super().fetch(query, *args, deadline_s=deadline_s))

    async def fetchrow(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> Row | None:
        return await self._passed_on(await super().fetchrow(query, *args, deadline_s=deadline_s))

    async def _passed_on(self, answer: Answer) -> Answer:
        if not self.passing.is_set():
            self.kept_back += 1
            await self.passing.wait()
        return answer
