"""The real database, with counted uses and delayed answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from control_plane.db.connections import Connections
from control_plane.db.pool import DEADLINE_S, Database, Lease, Row, Transaction

Answer = TypeVar("Answer")


@asynccontextmanager
async def watched_database(dsn: str) -> AsyncIterator[WatchedDatabase]:
    database = WatchedDatabase(Connections(dsn, 10))
    yield database
    await database.close()


class WatchedDatabase(Database):
    """Counts its uses, and can delay an answer."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        self.uses = 0
        self.passing = asyncio.Event()
        """While cleared, the next answers to queries wait for it."""
        self.passing.set()
        self.kept_back = 0

    def connection(self, deadline_s: float = DEADLINE_S) -> Lease:
        self.uses += 1
        return super().connection(deadline_s)

    def transaction(self, deadline_s: float = DEADLINE_S) -> Transaction:
        self.uses += 1
        return super().transaction(deadline_s)

    async def fetch(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> list[Row]:
        return await self._passed_on(await super().fetch(query, *args, deadline_s=deadline_s))

    async def fetchrow(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> Row | None:
        return await self._passed_on(await super().fetchrow(query, *args, deadline_s=deadline_s))

    async def _passed_on(self, answer: Answer) -> Answer:
        if not self.passing.is_set():
            self.kept_back += 1
            await self.passing.wait()
        return answer
