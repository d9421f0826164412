"""The embedded PostgreSQL server: `start`, then `wait` and `launch` again whenever it ended, `stop`.

This module restarts nothing by itself: `stagedoor/processes/supervisor.py` does."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg

from control_plane.base.child import ROOTS_STATE
from control_plane.db.embedded import log as server_log
from control_plane.db.embedded import roles
from control_plane.db.embedded.cluster import is_made, make_cluster, spawn
from control_plane.db.embedded.home import (
    dsn_of,
    home_of,
    lock_home,
    make_home,
    make_socket_dir,
    socket_dir_of,
    tie_to_data_dir,
)
from control_plane.db.embedded.postmaster import (
    FAST_S,
    clear_leftovers,
    name_of,
    postmaster_of,
    read_pid_file,
    shut_down,
    shutdown,
    wait_until,
)
from control_plane.db.embedded.programs import (
    EmbeddedPostgresFailed,
    Progress,
    copy_programs,
    programs_for,
    unprivileged_account,
)
from control_plane.db.privileges import Dsns

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_error_verbosity": "terse",  # the details of an error quote values from rows
}

_START_DEADLINE_S = 60.0  # a start includes the recovery after a crash
_CONNECT_DEADLINE_S = 5.0
_POLL_S = 0.02
_WATCH_S = 0.1
"""Interval of the checks whether the server still runs. Longer: a dead server is restarted later."""
_NOT_YET = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
)

log = logging.getLogger(__name__)


def _ignore(_pid: int) -> None:
    pass


class EmbeddedPostgres:
    """The embedded server of one data directory. It is bound to no event loop, and can be supervised.

    `settings` are PostgreSQL settings that override SETTINGS; with fsync off (for tests), initdb does not sync either.
    `roots_state` is the directory of clusters when we are root. Unprivileged users must be able to access it.
    """

    name = "postgres"
    failed_event = "postgres_failed"
    title = "PostgreSQL"

    def __init__(
        self, data_dir: Path, settings: Mapping[str, str] | None = None, roots_state: Path = ROOTS_STATE
    ) -> None:
        self._home = home_of(data_dir, unprivileged_account(), roots_state)
        self._socket_dir = socket_dir_of(self._home.path)
        self._settings = {
            **SETTINGS,
            **(settings or {}),
            "unix_socket_directories": _quoted(self._socket_dir),
            "cluster_name": name_of(self._home.cluster),
        }
        self._programs = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def dsn(self) -> str:
        """The server role's data source name for asyncpg: Unix socket, user and database `stagedoor`, no password."""
        return self.dsns.server

    @property
    def dsns(self) -> Dsns:
        return _dsns(self._socket_dir, self._home.data_dir)

    @property
    def pid(self) -> int | None:
        """The postmaster's pid. It changes after a restart and is None while the server does not run."""
        return self._process.pid if self._process is not None else None

    async def start(self, progress: Progress, on_spawn: Callable[[int], None] = _ignore) -> str:
        """Make the database if there is none, launch the server, and return the dsn. Raises EmbeddedPostgresFailed."""
        assert self._lock is None, "started twice"
        try:
            with server_log.os_errors_told():
                await self._set_up(progress)
            progress("Starting PostgreSQL")
            await self.launch(on_spawn)
        except BaseException:
            self._let_go()
            raise
        try:
            await self._set_up_roles()
        except BaseException:
            await self.stop()
            raise
        return self.dsn

    async def launch(self, on_spawn: Callable[[int], None] = _ignore) -> None:
        """Spawn the server and return when it accepts connections.

        A server left behind by an earlier owner of the data directory is shut down first. `on_spawn` gets the pid
        before the server is ready. Raises EmbeddedPostgresFailed, and leaves no process behind.
        """
        with server_log.os_errors_told():
            await clear_leftovers(self._home.cluster)
            since_bytes = server_log.size_bytes(self._home.log)
            self._process = process = spawn(self._home, self._command())
            try:
                on_spawn(process.pid)
                await self._let_in(process, since_bytes)
            except BaseException:
                await self._end_child()
                raise
        log.info("postgres_started", extra={"pid": process.pid})

    async def wait(self) -> str:
        """Return how the running server ended, when it has ended."""
        assert self._process is not None, "not started"
        process = self._process
        await wait_until(lambda: process.poll() is not None, math.inf, _WATCH_S)
        self._process = None
        return f"PostgreSQL {_ended(process)}."

    async def stop(self, fast_s: float = FAST_S) -> None:
        """Fast shutdown; after `fast_s` an immediate one, and after another second SIGKILL. A cancellation kills at
        once."""
        try:
            await self._end_child(fast_s)
        finally:
            self._let_go()

    async def _set_up(self, progress: Progress) -> None:
        home = self._home
        make_home(home)
        self._lock = lock_home(home)
        if postmaster_of(home.cluster) is not None:
            progress("Stopping the PostgreSQL that an earlier run left behind")
        server_log.roll(home.log)
        self._programs = programs_for(home.account)
        if not self._programs.exists():
            progress("Copying the PostgreSQL programs to a directory where an unprivileged user can run them")
            await asyncio.to_thread(copy_programs)
        await tie_to_data_dir(home)
        make_socket_dir(home.path)
        if not is_made(home):
            progress("Creating a PostgreSQL database")
            await make_cluster(home, self._programs, self._settings)

        if not roles.are_set_up(home):
            roles.open_to_set_up(home)

    async def _set_up_roles(self) -> None:
        if roles.are_set_up(self._home):
            return
        try:
            with server_log.os_errors_told():
                await roles.set_up(self._home, self._socket_dir)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise EmbeddedPostgresFailed(f"The roles of the database cannot be set up: {error}") from error

    def _command(self) -> list[str]:
        command = [str(self._programs / "postgres"), "-D", str(self._home.cluster)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    async def _let_in(self, process: subprocess.Popen[bytes], since_bytes: int) -> None:
        end = time.monotonic() + _START_DEADLINE_S
        while True:
            if process.poll() is not None:
                raise server_log.failure(f"PostgreSQL {_ended(process)} while it started", self._home.log, since_bytes)
            if time.monotonic() >= end:
                what = f"PostgreSQL accepted no connection within {_START_DEADLINE_S:.0f} seconds"
                raise server_log.failure(what, self._home.log, since_bytes)
            try:
                await _connect_once(self._socket_dir)
            except _NOT_YET:
                await asyncio.sleep(_POLL_S)
            except asyncpg.PostgresError as error:
                raise EmbeddedPostgresFailed(
                    f"The database in {self._home.cluster} cannot be opened: {error}"
                ) from error
            else:
                return

    async def _end_child(self, fast_s: float = FAST_S) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            await shut_down(process.send_signal, lambda: process.poll() is not None, shutdown(fast_s))
            if process.returncode != 0:
                await clear_leftovers(self._home.cluster)
        finally:
            if process.poll() is None:  # only after a cancellation; the backends end when they notice
                process.kill()
                process.wait()

    def _let_go(self) -> None:
        if self._socket_dir != self._home.path:
            with suppress(OSError):  # not created yet, or a killed server's socket is still in it
                self._socket_dir.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def has_database(data_dir: Path) -> bool:
    """Whether the data directory has a cluster, running or not."""
    return home_of(data_dir, None).cluster.exists()  # for root, through the link


def running_dsns(data_dir: Path) -> Dsns | None:
    """The dsns by which another process, such as a command, connects to the running server of this data directory.

    None: no server accepts connections. Raises EmbeddedPostgresFailed when the database belongs to another user.
    """
    cluster = home_of(data_dir, None).cluster  # for root, through the link
    try:
        pid_file = read_pid_file(cluster)
    except PermissionError:
        raise EmbeddedPostgresFailed(
            f"The database in {cluster} belongs to another user: run this as that user."
        ) from None
    if pid_file is None or not pid_file.ready or postmaster_of(cluster) is None:
        return None
    return _dsns(pid_file.socket_dir, data_dir)


def running_dsn(data_dir: Path) -> str | None:
    """The server role's dsn, as `running_dsns`."""
    dsns = running_dsns(data_dir)
    return None if dsns is None else dsns.server


def _dsns(socket_dir: Path, data_dir: Path) -> Dsns:
    password_file = quote(str(roles.owner_file(data_dir.absolute())), safe="")
    return Dsns(
        server=dsn_of(socket_dir, roles.SERVER, roles.DATABASE),
        owner=dsn_of(socket_dir, roles.OWNER, roles.DATABASE) + f"&passfile={password_file}",
    )


async def _connect_once(socket_dir: Path) -> None:
    """Connect. A server that rejects us accepts connections: its roles or its database are not set up yet."""
    with suppress(asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        dsn = dsn_of(socket_dir, roles.SERVER, roles.DATABASE)
        await _close(await asyncpg.connect(dsn, timeout=_CONNECT_DEADLINE_S))


async def _close(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        await connection.close(timeout=_CONNECT_DEADLINE_S)
    except TimeoutError:
        connection.terminate()


def _ended(process: subprocess.Popen[bytes]) -> str:
    status = process.returncode
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _quoted(folder: Path) -> str:
    """Quote a path for `unix_socket_directories`, which is a list separated by commas."""
    escaped = str(folder).replace('"', '""')
    return f'"{escaped}"'
