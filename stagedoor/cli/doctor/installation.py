"""The installation that the doctor checks: settings, whether a server runs, ports, and the database connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from control_plane.base.errors import ControlPlaneError
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.db.connections import Connection
from control_plane.db.migrate import applied_version
from control_plane.db.pool import connect
from stagedoor.cli.database import NoDatabase, reachable
from stagedoor.processes.data_directory import is_in_use
from stagedoor.processes.run_file import RunFile

CONNECT_S = 3.0
NO_DATABASE_YET = "none yet: an embedded database is created at the first start"


@dataclass(frozen=True, slots=True)
class Installation:
    settings: Settings
    running: bool
    """A server holds the lock of the data directory."""
    dev: bool
    """Development mode, of the running server or else of the settings."""
    signing: Mapping[str, str]
    """Key ids with which the running server signs, by purpose."""
    media_server_left: bool
    """A killed server left its MediaMTX running. The next start adopts it."""
    ports: Ports
    """The ports in use, or those of the settings while no server runs."""
    dsn: str | None
    """None: the database cannot be reached; `why_no_dsn` says why."""
    why_no_dsn: str

    @asynccontextmanager
    async def connection(self, since: int) -> AsyncIterator[Connection | None]:
        """A connection to the database. None: it cannot be reached, or has not been migrated to version `since`."""
        if self.dsn is None:
            yield None
            return
        connection = await connect(self.dsn, CONNECT_S)
        try:
            yield connection if await applied_version(connection) >= since else None
        finally:
            connection.terminate()


@asynccontextmanager
async def looked_at(settings: Settings) -> AsyncIterator[Installation]:
    """The installation of these settings. An embedded database that does not run is started until the exit; a missing
    one is not created."""
    running = is_in_use(settings.data_dir)
    in_use, media_server_pid = RunFile(settings.data_dir).left_behind()
    left = not running and media_server_pid is not None and psutil.pid_exists(media_server_pid)
    dev, signing = RunFile(settings.data_dir).mode() if running else (settings.dev, {})
    ports = Ports(**in_use) if in_use and (running or left) else Ports.of(settings)
    async with AsyncExitStack() as stack:
        dsn, why = await _database(settings, stack)
        yield Installation(settings, running, dev, signing, left, ports, dsn, why)


async def _database(settings: Settings, stack: AsyncExitStack) -> tuple[str | None, str]:
    try:
        dsn = (await stack.enter_async_context(reachable(settings))).server
        connection = await connect(dsn, CONNECT_S)
    except NoDatabase:
        return None, NO_DATABASE_YET
    except ControlPlaneError as error:
        return None, str(error)
    connection.terminate()
    return dsn, ""
