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
PING_S = 5.0


class PoolDriver(Driver):
    """Runs statements. Raises DatabaseUnavailable."""

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
        raise NotImplementedError("the scheduler listens to nothing")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> PoolDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The pool is its owner's."""


class PatientDriver(PoolDriver):
    """Waits for a database that is away, and listens again after the connection was lost.

    PgQueuer's own drivers do neither: an error in its dequeue loop ends the loop, which then starts no job until all running ones have ended;
    and a lost LISTEN is never made again. Repeating is safe: what took effect with its answer lost runs a job twice at worst.
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
        told = False
        while not self._given_up:
            try:
                return await ask(query, *args)
            except DatabaseUnavailable:
                if not told:
                    log.warning("jobs_wait_for_the_database")
                told = True
                await asyncio.sleep(RETRY_S)
        raise DatabaseUnavailable

    def give_up(self) -> None:
        """At the end of a stop: whatever still waits for the database fails now."""
        self._given_up = True

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._listeners.append((channel, callback))
        self._changed.set()

    async def listen(self) -> None:
        """Until cancelled. What is missed meanwhile is found by polling."""
        while True:
            try:
                await self._session()
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        connection = await connect(self._dsn)
        try:
            with unavailable_as_such():
                connection.add_termination_listener(lambda _: self._changed.set())  # the next use finds out why
                listened = 0
                while True:
                    self._changed.clear()
                    for channel, callback in self._listeners[listened:]:
                        await connection.add_listener(channel, _relay(callback))
                    listened = len(self._listeners)
                    if listened:
                        self.listening.set()
                    await connection.execute("select 1", timeout=PING_S)  # a hung server must not look like a quiet one
                    with suppress(TimeoutError):
                        async with asyncio.timeout(PING_S):
                            await self._changed.wait()
        finally:
            self.listening.clear()
            connection.terminate()


def _relay(callback: NotifyCallback) -> Callable[[object, int, str, object], None]:
    return lambda _connection, _pid, _channel, payload: callback(str(payload))
