"""The installation that the doctor looks at: its settings, whether a server runs, and how its database is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from control_plane.base.errors import ControlPlaneError
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.db.pool import connect
from stagedoor.cli.database import reachable
from stagedoor.processes.data_directory import is_in_use
from stagedoor.processes.run_file import RunFile

CONNECT_S = 3.0
NO_DATABASE_YET = "none yet: an embedded one is made at the first start"


@dataclass(frozen=True, slots=True)
class Installation:
    settings: Settings
    running: bool
    """A server works in the data directory at this moment."""
    dev: bool
    """Development mode: of the server that runs, or of the settings while none does."""
    signing: Mapping[str, str]
    """By which secrets the running server signs: key ids by purpose."""
    media_server_left: bool
    """A MediaMTX runs that a killed server has left; the next start goes on with it."""
    ports: Ports
    """In use, or of the settings while no server runs."""
    dsn: str | None
    """None where no connection can be made."""
    why_no_dsn: str


@asynccontextmanager
async def looked_at(settings: Settings) -> AsyncIterator[Installation]:
    """An embedded database that does not run is started for as long as this takes; one that does not exist is not made."""
    running = is_in_use(settings.data_dir)
    in_use, media_server_pid = RunFile(settings.data_dir).left_behind()
    left = not running and media_server_pid is not None and psutil.pid_exists(media_server_pid)
    dev, signing = RunFile(settings.data_dir).mode() if running else (settings.dev, {})
    ports = Ports(**in_use) if in_use and (running or left) else Ports.of(settings)
    async with AsyncExitStack() as stack:
        dsn, why = await _database(settings, stack)
        yield Installation(settings, running, dev, signing, left, ports, dsn, why)


async def _database(settings: Settings, stack: AsyncExitStack) -> tuple[str | None, str]:
    if not settings.database_url and not (settings.data_dir / "postgres" / "cluster").exists():
        return None, NO_DATABASE_YET
    try:
        dsn = await stack.enter_async_context(reachable(settings))
        connection = await connect(dsn, CONNECT_S)
    except ControlPlaneError as error:
        return None, str(error)
    connection.terminate()
    return dsn, ""
