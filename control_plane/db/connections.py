"""Database connections: a bounded set, opened on demand, leased, released and reused.

asyncpg's own pool is not used. It releases a connection in a task and waits for it: even without its reset query a use
takes 1.7 times the CPU (`make bench-pool`).
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"  # quoted: the class is generic only in the type stubs

IDLE_S = 300.0
"""An idle connection is closed after this time. Longer: a firewall or proxy in between may have dropped it silently.
Shorter: bursts reconnect more often."""

_SESSION = {
    "timezone": "UTC",
    "application_name": "stagedoor",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    # Ends the transaction of a process that hangs. Its locks would block all others, and TCP detects a dead peer only
    # after hours.
    "idle_in_transaction_session_timeout": "30000",
    # A lease past its deadline closes its connection. Without this, PostgreSQL notices only when the statement has
    # finished.
    "client_connection_check_interval": "500",
    # One generic plan per statement. By default PostgreSQL plans statements with `= any($1)` again at every execution,
    # which takes longer than executing them. So every statement must have a good plan without known arguments
    # (tests/control_plane/db/test_plans.py).
    "plan_cache_mode": "force_generic_plan",
}


async def new_connection(dsn: str) -> Connection:
    connection: Connection = await asyncpg.connect(dsn, server_settings=_SESSION)
    return connection


class Connections:
    """Leases connections: the most recently used first, to waiters in FIFO order."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._places = asyncio.Semaphore(size)
        self._idle: list[tuple[Connection, float]] = []
        """Each with the loop's time of its release; the most recent last."""
        self._used: set[Connection] = set()
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._unused = asyncio.Event()

    async def acquire(self, until: float | None) -> Connection:
        """An idle connection, else a new one; if all are leased, wait for a release.

        Raises TimeoutError at the loop's time `until`, what `asyncpg.connect` raises, and InterfaceError after `close`
        was called.
        """
        self._refuse_when_closing()
        if not self._places.locked() and (idle := self._take_idle()):
            await self._places.acquire()  # returns at once, so that this needs no timer
            return idle
        async with asyncio.timeout_at(until):
            await self._places.acquire()
            try:
                self._refuse_when_closing()
                if idle := self._take_idle():
                    return idle
                connection = await new_connection(self._dsn)
            except BaseException:
                self._places.release()
                raise
        self._used.add(connection)
        if self._closing:
            self.release(connection)
        self._refuse_when_closing()
        return connection

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.is_closed() and since + IDLE_S > self._loop.time():
                self._used.add(connection)
                return connection
            connection.terminate()
        return None

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise asyncpg.InterfaceError("the connections are being closed")

    def release(self, connection: Connection) -> None:
        """Release a connection. A closed one, or one within a transaction, is not used again."""
        self._used.discard(connection)
        if self._closing or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            now = self._loop.time()
            self._idle.append((connection, now))
            if self._idle[0][1] + IDLE_S < now:  # after a burst, the least recently used ones expire
                self._idle.pop(0)[0].terminate()
        self._places.release()
        if self._closing and not self._used:
            self._unused.set()

    def usage(self) -> tuple[int, int]:
        """The number of open connections, and how many of them are in use."""
        used = sum(not connection.is_closed() for connection in self._used)
        return used + sum(not connection.is_closed() for connection, _ in self._idle), used

    async def close(self, deadline_s: float) -> None:
        """Refuse waiters, wait up to `deadline_s` for leased connections, then terminate the rest."""
        self._closing = True
        self._places.release()  # the first waiter is refused and releases in turn, which refuses the next
        try:
            async with asyncio.timeout(deadline_s):
                if self._used:
                    await self._unused.wait()
                for connection, _ in self._idle:
                    await connection.close()
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
            pass  # the remaining connections are terminated below
        finally:
            for connection in (*self._used, *(connection for connection, _ in self._idle)):
                connection.terminate()
