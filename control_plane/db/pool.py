"""The connection pool. Every use has a deadline, and a connection whose use was cut short is never used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from control_plane.errors import ControlPlaneError
from control_plane.settings import InvalidSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

# Quoted: asyncpg's classes take their parameters in the type stubs only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
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


class DatabaseUnavailable(ControlPlaneError):
    """No answer in time, or none that is of use. Whether a transaction that was at its COMMIT took effect is unknown."""

    code = "database_unavailable"

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
    """Made by `open_pool`; owns the pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def connection(self, deadline_s: float = DEADLINE_S) -> AsyncIterator[Connection]:
        """A connection for at most `deadline_s`, waiting for a free one included. Raises DatabaseUnavailable."""
        with unavailable_as_such():
            async with asyncio.timeout(deadline_s):
                connection = await self._pool.acquire()
                try:
                    yield connection
                except BaseException as error:
                    if not _left_in_order(error):
                        connection.terminate()
                    raise
                finally:
                    # A terminated connection is only dropped by this; a healthy one is reset, within the same deadline. The reset has one
                    # of its own as well: asyncpg goes on with it after we gave up, and would hold the place in the pool.
                    await self._pool.release(connection, timeout=deadline_s)

    @asynccontextmanager
    async def transaction(self, deadline_s: float = DEADLINE_S) -> AsyncIterator[Connection]:
        async with self.connection(deadline_s) as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except BaseException as error:
                # Where the connection is given up, that rolls back too; to ask for it could hang, with the deadline already spent.
                if _left_in_order(error):
                    await transaction.rollback()
                raise
            await transaction.commit()

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
        size = self._pool.get_size()
        return size, size - self._pool.get_idle_size()

    async def close(self, deadline_s: float = 3.0) -> None:
        try:
            async with asyncio.timeout(deadline_s):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


class _Pooled(asyncpg.Connection):
    """A transaction left open is rolled back when it goes back to the pool; but the server is not asked to reset a session that nobody
    changes, which costs as much as most queries."""

    def get_reset_query(self) -> str:
        return ""


async def open_pool(dsn: str, size: int, deadline_s: float = DEADLINE_S) -> Database:
    """Raises DatabaseUnavailable when not one connection can be made."""
    with unavailable_as_such():
        async with asyncio.timeout(deadline_s):
            pool = await asyncpg.create_pool(
                dsn, min_size=1, max_size=size, server_settings=_SESSION, connection_class=_Pooled
            )
    return Database(pool)


async def connect(dsn: str, deadline_s: float = DEADLINE_S) -> asyncpg.Connection[asyncpg.Record]:
    """One connection outside of the pool, for listening. Raises DatabaseUnavailable, and InvalidSettings when the server turns us away."""
    try:
        with unavailable_as_such():
            async with asyncio.timeout(deadline_s):
                return await asyncpg.connect(dsn, server_settings=_SESSION)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise InvalidSettings(f"LIVE_DATABASE_URL: {error}.") from error


_SESSION = {"timezone": "UTC", "application_name": "stagedoor", "statement_timeout": "10000", "lock_timeout": "5000"}
