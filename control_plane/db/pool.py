"""The connection pool. Every use has a deadline, and a connection whose use was cut short is never used again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import asyncpg

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.settings import InvalidSettings
from control_plane.db.connections import Connection, Connections, new_connection

Row = asyncpg.Record

DEADLINE_S = 5.0

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
    asyncpg.InternalClientError,  # what asyncpg says when a killed session's connection is used once more
)


_TURNED_AWAY = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


class DatabaseUnavailable(ControlPlaneError):
    """No answer in time, or none that is of use. Whether a transaction that was at its COMMIT took effect is unknown."""

    code = "database_unavailable"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The database cannot be reached at the moment. Please try again.")


@contextmanager
def unavailable_as_such() -> Iterator[None]:
    """Turn every way in which PostgreSQL can be away into DatabaseUnavailable."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable from error


def _left_in_order(error: BaseException) -> bool:
    """Cancelled, timed out or broken in the middle of a statement: what the server does with it is unknown, and asking it nicely to stop
    could hang just as long. A refusal of ours or of SQL leaves the connection in order, the last words of a killed session do not."""
    return isinstance(error, asyncpg.PostgresError | ControlPlaneError) and not isinstance(error, _UNAVAILABLE)


class Database:
    """Made by `open_pool`; owns the connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def connection(self, deadline_s: float = DEADLINE_S) -> Lease:
        """A connection for at most `deadline_s`, waiting for a free one included. Raises DatabaseUnavailable."""
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
        """Connections open, and of these in use."""
        return self._connections.usage()

    async def close(self, deadline_s: float = 3.0) -> None:
        await self._connections.close(deadline_s)


class Lease:
    """One use of a connection. At the deadline the connection is cut off, and with it whatever waits for it."""

    __slots__ = ("_connection", "_connections", "_deadline_s", "_is_late")

    def __init__(self, connections: Connections, deadline_s: float) -> None:
        self._connections = connections
        self._deadline_s = deadline_s
        self._is_late = False

    async def __aenter__(self) -> Connection:
        connection, left_s = self._connections.take(), self._deadline_s
        if connection is None:
            loop = asyncio.get_running_loop()
            end = loop.time() + left_s
            try:
                async with asyncio.timeout_at(end):
                    connection = await self._connections.wait()
            except (*_UNAVAILABLE, *_TURNED_AWAY) as error:
                raise DatabaseUnavailable from error
            left_s = end - loop.time()
        self._connection = connection
        self._connections.deadlines.set(connection, left_s, self._cut_off)
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connections.deadlines.clear(self._connection)
        if error is not None and not _left_in_order(error):
            self._connection.terminate()
        self._connections.give_back(self._connection)
        # Cut off between two steps of asyncpg, it may fail in whatever way.
        if isinstance(error, _UNAVAILABLE) or (
            self._is_late and isinstance(error, Exception) and not isinstance(error, ControlPlaneError)
        ):
            raise DatabaseUnavailable from error

    def _cut_off(self) -> None:
        self._is_late = True
        self._connection.terminate()


class Transaction(Lease):
    """One use of a connection, within a transaction: done when it is left, or by an error undone."""

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
            elif _left_in_order(error):  # else giving the connection up rolls back too; to ask for it could hang
                await self._transaction.rollback()
        except BaseException as late:
            await super().__aexit__(type(late), late, late.__traceback__)
            raise
        await super().__aexit__(kind, error, traceback)


async def open_pool(dsn: str, size: int, deadline_s: float = DEADLINE_S) -> Database:
    """Raises DatabaseUnavailable when not one connection can be made."""
    database = Database(Connections(dsn, size))
    async with database.connection(deadline_s):
        return database


async def connect(dsn: str, deadline_s: float = DEADLINE_S) -> Connection:
    """One connection outside of the pool, for listening. Raises DatabaseUnavailable, and InvalidSettings when the server turns us away."""
    try:
        with unavailable_as_such():
            async with asyncio.timeout(deadline_s):
                return await new_connection(dsn)
    except _TURNED_AWAY as error:
        raise InvalidSettings(f"LIVE_DATABASE_URL: {error}.") from error
