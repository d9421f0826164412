"""One server per database: two of them, each with a MediaMTX of its own, would take turns in declaring the other's streams lost."""

from __future__ import annotations

import asyncio
import logging

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.connections import Connection
from control_plane.db.pool import DatabaseUnavailable, connect, unavailable_as_such

log = logging.getLogger(__name__)

_LOCK = 0x57A6ED01
"""Next to that of the migrations."""
WAIT_S = 5.0
"""The server before may be about to stop, or was killed and PostgreSQL is about to notice."""
_AGAIN_S = 0.2
LOOK_S = 2.0
"""How often the connection that holds the lock is used, to see that it is still there."""
_ANSWER_S = 10.0


class AnotherServerRuns(ControlPlaneError):
    code = "another_server_runs"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__(
            "Another `stagedoor run` uses this database. Stop that one first, or give this one a database of its own (LIVE_DATABASE_URL)."
        )


class OnlyServer:
    """Holds an advisory lock, on a connection of its own, from `take` to `close`. It is gone with the connection, so with a killed process."""

    def __init__(self, dsn: str, wait_s: float = WAIT_S) -> None:
        self._dsn = dsn
        self._wait_s = wait_s
        self._connection: Connection | None = None

    async def take(self) -> None:
        """Raises AnotherServerRuns, DatabaseUnavailable."""
        connection = await connect(self._dsn)
        try:
            until = asyncio.get_running_loop().time() + self._wait_s
            with unavailable_as_such():
                while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK, timeout=_ANSWER_S):
                    if asyncio.get_running_loop().time() >= until:
                        raise AnotherServerRuns
                    await asyncio.sleep(_AGAIN_S)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection

    async def keep(self) -> None:
        """Take it again whenever the connection was lost, until cancelled. Raises AnotherServerRuns when somebody else has it by then."""
        while True:
            try:
                if self._connection is None:
                    await self.take()
                else:
                    with unavailable_as_such():
                        await self._connection.execute("select 1", timeout=_ANSWER_S)
            except DatabaseUnavailable:
                log.warning("server_lock_lost")
                self.close()
            await asyncio.sleep(LOOK_S)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
