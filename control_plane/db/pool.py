"""The database pool: leases and transactions. Every lease has a deadline; a connection whose lease was cut off is not
reused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import asyncpg

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.declare import InvalidSettings
from control_plane.db.connections import Connection, Connections, new_connection

Row = asyncpg.Record

DEADLINE_S = 5.0
"""Default deadline of a lease, including the wait for a free connection. Longer: callers wait longer while the database
hangs. Shorter: calls fail under short bursts of load."""

_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # no disk space, no memory, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a replica, while the primary moves
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InternalClientError,  # asyncpg raises it when the connection of a killed session is used again
)


_REJECTED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


class DatabaseUnavailable(ControlPlaneError):
    """The database did not answer in time, or cannot serve now. If it failed during COMMIT, the outcome is unknown."""

    code = "database_unavailable"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The database cannot be reached at the moment. Please try again.")


@contextmanager
def unavailable_as_such() -> Iterator[None]:
    """Convert every error of an unreachable or overloaded PostgreSQL into DatabaseUnavailable."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable from error


def _left_in_order(error: BaseException) -> bool:
    """Whether the connection can be reused after this error.

    Yes after an SQL error and after our own refusals. No after a cancellation, a timeout or a lost session: the
    statement may still run, and a request to cancel it could hang as long.
    """
    return isinstance(error, asyncpg.PostgresError | ControlPlaneError) and not isinstance(error, _UNAVAILABLE)


class Database:
    """The pool; made by `open_pool`. Queries, leases and transactions raise DatabaseUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def connection(self, deadline_s: float = DEADLINE_S) -> Lease:
        """Lease a connection for at most `deadline_s`, including the wait for a free one."""
        return Lease(self._connections, deadline_s)

    def transaction(self, deadline_s: float = DEADLINE_S) -> Transaction:
        return Transaction(self._connections, deadline_s)

    async def fetch(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> list[Row]:
        async with self.connection(deadline_s) as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> Row | None:
        async with self.connection(deadline_s) as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> Any:
        async with self.connection(deadline_s) as connection:
            return await connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any, deadline_s: float = DEADLINE_S) -> str:
        async with self.connection(deadline_s) as connection:
            return await connection.execute(query, *args)

    def usage(self) -> tuple[int, int]:
        """The number of open connections, and how many of them are in use."""
        return self._connections.usage()

    async def close(self, deadline_s: float = 3.0) -> None:
        await self._connections.close(deadline_s)


class Lease:
    """A lease of one connection. At the deadline the connection is terminated, so that a pending statement fails."""

    __slots__ = ("_connection", "_connections", "_deadline_s", "_is_late", "_timer")

    def __init__(self, connections: Connections, deadline_s: float) -> None:
        self._connections = connections
        self._deadline_s = deadline_s
        self._is_late = False

    async def __aenter__(self) -> Connection:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._deadline_s
        try:
            self._connection = await self._connections.acquire(end)
        except (*_UNAVAILABLE, *_REJECTED) as error:
            raise DatabaseUnavailable from error
        self._timer = loop.call_at(end, self._cut_off)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if error is not None and not _left_in_order(error):
            self._connection.terminate()
        self._connections.release(self._connection)
        # A connection terminated between two steps of asyncpg may raise any exception.
        if isinstance(error, _UNAVAILABLE) or (
            self._is_late and isinstance(error, Exception) and not isinstance(error, ControlPlaneError)
        ):
            raise DatabaseUnavailable from error

    def _cut_off(self) -> None:
        self._is_late = True
        self._connection.terminate()


class Transaction(Lease):
    """A lease with a transaction: committed on exit, rolled back on an error."""

    __slots__ = ("_transaction",)

    async def __aenter__(self) -> Connection:
        connection = await super().__aenter__()
        self._transaction = connection.transaction()
        try:
            await self._transaction.start()
        except BaseException as error:
            await super().__aexit__(type(error), error, None)
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._transaction.commit()
            elif _left_in_order(error):  # else terminating the connection rolls back; a ROLLBACK statement could hang
                await self._transaction.rollback()
        except BaseException as late:
            await super().__aexit__(type(late), late, late.__traceback__)
            raise
        await super().__aexit__(kind, error, traceback)


async def open_pool(dsn: str, size: int, deadline_s: float = DEADLINE_S) -> Database:
    """Raises DatabaseUnavailable when no connection can be opened."""
    database = Database(Connections(dsn, size))
    async with database.connection(deadline_s):
        return database


async def connect(dsn: str, deadline_s: float = DEADLINE_S, setting: str = "LIVE_DATABASE_URL") -> Connection:
    """Open one connection outside of the pool, as for LISTEN. Raises DatabaseUnavailable, and InvalidSettings, which names
    the setting, when the server rejects the user or the database name."""
    try:
        with unavailable_as_such():
            async with asyncio.timeout(deadline_s):
                return await new_connection(dsn)
    except _REJECTED as error:
        raise InvalidSettings(f"{setting}: {error}.") from error
