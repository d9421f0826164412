"""One server per database, held by an advisory lock. Two servers, each with its own MediaMTX, would keep interrupting
each other's streams."""

from __future__ import annotations

import asyncio
import logging

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.connections import Connection
from control_plane.db.pool import DatabaseUnavailable, connect, unavailable_as_such

log = logging.getLogger(__name__)

_LOCK = 0x57A6ED01
"""Key of the advisory lock. Must be the same in every release, and differ from the lock of the migrations."""
WAIT_S = 5.0
"""How long a start retries. The previous server may be stopping, or PostgreSQL may not have noticed yet that it was
killed. Shorter: a quick restart fails. Longer: a real conflict is reported later."""
_AGAIN_S = 0.2
LOOK_S = 2.0
"""Interval of the checks that the connection with the lock is alive. Longer: a lost lock, which another server may
acquire, is noticed later."""
_ANSWER_S = 10.0


class AnotherServerRuns(ControlPlaneError):
    code = "another_server_runs"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__(
            "Another `stagedoor run` uses this database. Stop it first, or set LIVE_DATABASE_URL to another database."
        )


class OnlyServer:
    """Holds an advisory lock on its own connection from `take` to `close`. PostgreSQL releases it when the connection
    is lost, so also when the process is killed."""

    def __init__(self, dsn: str, wait_s: float = WAIT_S) -> None:
        self._dsn = dsn
        self._wait_s = wait_s
        self._connection: Connection | None = None

    async def take(self) -> None:
        """Acquire the lock, with retries for `wait_s`. Raises AnotherServerRuns and DatabaseUnavailable."""
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
        """Check the lock until cancelled, and acquire it again after a lost connection. Raises AnotherServerRuns when
        another server has acquired it meanwhile."""
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
