"""PgQueuer's drivers over our connection pool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import Driver, NotifyCallback

from control_plane.db.pool import Database, DatabaseUnavailable, connect, unavailable_as_such

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_S = 0.5
"""Time between two attempts while the database is unavailable. Larger: jobs start later when it is back."""
PING_S = 5.0
"""Time between two checks of the listening connection, and their timeout. Larger: a dead connection is noticed later,
and jobs are then found by polling only."""


class PoolDriver(Driver):
    """Runs PgQueuer's statements on the pool. Raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return [dict(row) for row in await self._database.fetch(query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        return await self._database.execute(query, *args)

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("select pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        raise NotImplementedError("the scheduler does not subscribe to notifications")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> PoolDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Does not close the pool, which belongs to its opener."""


class PatientDriver(PoolDriver):
    """Retries while the database is unavailable, and subscribes again after the connection was lost.

    PgQueuer's own drivers do neither. An error ends its dequeue loop, which then starts no job until all running jobs
    have ended. A lost LISTEN is never repeated. Retrying is safe: if a statement took effect and its answer was lost, a
    job runs twice at worst.
    """

    def __init__(self, database: Database, dsn: str) -> None:
        super().__init__(database)
        self._dsn = dsn
        self._listeners: list[tuple[str, NotifyCallback]] = []
        self._given_up = False
        self._changed = asyncio.Event()
        self.listening = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return [dict(row) for row in await self._patiently(self._database.fetch, query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        return str(await self._patiently(self._database.execute, query, *args))

    async def _patiently(self, ask: Callable[..., Awaitable[T]], query: str, *args: object) -> T:
        logged = False
        while not self._given_up:
            try:
                return await ask(query, *args)
            except DatabaseUnavailable:
                if not logged:
                    log.warning("jobs_wait_for_the_database")
                logged = True
                await asyncio.sleep(RETRY_S)
        raise DatabaseUnavailable

    def give_up(self) -> None:
        """End all retries: statements that wait for the database fail now. Called at the end of a stop."""
        self._given_up = True

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.append((channel, callback))
        self._changed.set()

    async def listen(self) -> None:
        """Subscribe until cancelled. Polling finds jobs whose notification was missed."""
        while True:
            try:
                await self._session()
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        connection = await connect(self._dsn)
        try:
            with unavailable_as_such():
                connection.add_termination_listener(
                    lambda _: self._changed.set()
                )  # the next statement raises the reason
                listened = 0
                while True:
                    self._changed.clear()
                    for channel, callback in self._listeners[listened:]:
                        await connection.add_listener(channel, _relay(callback))
                    listened = len(self._listeners)
                    if listened:
                        self.listening.set()
                    await connection.execute("select 1", timeout=PING_S)  # tells a hung server from an idle one
                    with suppress(TimeoutError):
                        async with asyncio.timeout(PING_S):
                            await self._changed.wait()
        finally:
            self.listening.clear()
            connection.terminate()


def _relay(callback: NotifyCallback) -> Callable[[object, int, str, object], None]:
    return lambda _connection, _pid, _channel, payload: callback(str(payload))
