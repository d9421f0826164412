"""The connections to the database: at most so many, made when they are needed and kept for the next use.

asyncpg has a pool of its own. It gives a connection back in a task that it waits for, which costs as much as the query itself
(`bench/README.md`), and its ways of waiting for a server that hangs cannot be bounded from outside.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeAlias

import asyncpg

from control_plane.base.deadlines import Deadlines

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"  # quoted: it takes a parameter in the type stubs only

IDLE_S = 300.0
"""What nobody used for so long may have been forgotten by something between the server and us."""

_SESSION = {
    "timezone": "UTC",
    "application_name": "stagedoor",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    # Of a process that stands still amid a transaction: its locks hold up everybody else's, and TCP gives up after hours.
    "idle_in_transaction_session_timeout": "30000",
    # A use that is cut off closes its connection. PostgreSQL would notice only once the statement has finished.
    "client_connection_check_interval": "500",
    # One plan for each statement, made without its arguments. By itself PostgreSQL plans statements with `= any($1)` again at every execution,
    # which takes longer than to execute them. So a statement must not need its arguments to be planned well (tests/control_plane/db/test_plans.py).
    "plan_cache_mode": "force_generic_plan",
}


async def new_connection(dsn: str) -> Connection:
    connection: Connection = await asyncpg.connect(dsn, server_settings=_SESSION)
    return connection


class Connections:
    """The one used last is used next; who waits longest comes first."""

    def __init__(self, dsn: str, size: int) -> None:
        self._dsn = dsn
        self._places = size
        """For connections that are not there yet."""
        self._idle: list[tuple[Connection, float]] = []
        """With the loop's time since when."""
        self._used: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        """None: a place, to make a connection in."""
        self._loop = asyncio.get_running_loop()
        self.deadlines = Deadlines()
        self._closing = False
        self._unused = asyncio.Event()

    def take(self) -> Connection | None:
        """One that is there and free at this moment."""
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.is_closed() and since + IDLE_S > self._loop.time():
                self._used.add(connection)
                return connection
            connection.terminate()
            self._places += 1
        return None

    async def wait(self) -> Connection:
        """One as soon as there is one. Raises what `asyncpg.connect` raises, and InterfaceError once these are being closed."""
        self._refuse_when_closing()
        if self._places:
            self._places -= 1
        elif (connection := await self._turn()) is not None:
            if not connection.is_closed():
                return connection
            self._used.discard(connection)  # by the server, on its way to us; its place is ours
        try:
            connection = await new_connection(self._dsn)
        except BaseException:
            self._leave(None)
            raise
        self._used.add(connection)
        try:
            self._refuse_when_closing()
        except asyncpg.InterfaceError:
            self.give_back(connection)
            raise
        return connection

    async def _turn(self) -> Connection | None:
        """A connection, or the place for one."""
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave(turn.result())  # it came when it was no longer wanted
            raise

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise asyncpg.InterfaceError("the connections are being closed")

    def give_back(self, connection: Connection) -> None:
        """One that was closed, or is given back within a transaction, is not used again."""
        if self._closing or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
            self._used.discard(connection)
            self._leave(None)
        else:
            self._leave(connection)

    def _leave(self, connection: Connection | None) -> None:
        """A connection, or the place for one, to whoever waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._places += 1
        else:
            self._used.discard(connection)
            now = self._loop.time()
            self._idle.append((connection, now))
            if self._idle[0][1] + IDLE_S < now:  # after a burst, those at the bottom
                self._idle.pop(0)[0].terminate()
                self._places += 1
        if self._closing and not self._used:
            self._unused.set()

    def usage(self) -> tuple[int, int]:
        """Connections open, and of these in use."""
        used = sum(not connection.is_closed() for connection in self._used)
        return used + sum(not connection.is_closed() for connection, _ in self._idle), used

    async def close(self, deadline_s: float) -> None:
        """Lets those that are in use come back, for so long."""
        self._closing = True
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(asyncpg.InterfaceError("the connections are being closed"))
        try:
            async with asyncio.timeout(deadline_s):
                if self._used:
                    await self._unused.wait()
                for connection, _ in self._idle:
                    await connection.close()
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
            pass  # what is left of them is cut off
        finally:
            for connection in (*self._used, *(connection for connection, _ in self._idle)):
                connection.terminate()
