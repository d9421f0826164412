"""The MediaMTX process: `start` or `adopt`, then `wait` and `launch` again whenever it ended, `stop`.

The process is our child, or was left running by an earlier control plane and is adopted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from control_plane.base import child
from control_plane.base.child import Limits
from control_plane.streams.media.model import MediaServerInfo, MediaServerUnavailable
from mediamtx.errors import MediaMTXNotStarted
from mediamtx.node.client import MediaMTXClient
from mediamtx.node.config import MediaMTXConfig, render
from mediamtx.node.home import home_of
from mediamtx.node.log import ServerLog
from mediamtx.obtain.pinned import VERSION

_START_DEADLINE_S = 10.0
_STOP_DEADLINE_S = 6.0
"""MediaMTX waits for running hooks, which take 3 s at most. Smaller: it is killed before its offline hooks ran."""
_USELESS_DEADLINE_S = 1.0
"""For a MediaMTX that is not adopted or not ready in time. Its hooks need not run."""
_KILL_DEADLINE_S = 2.0
_ADOPT_DEADLINE_S = 3.0
_POLL_S = 0.05
_WATCH_S = 0.1
_TRIM_EVERY_S = 30.0
_OF_GO = ("GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT")
_MEMORY_SHARE = 0.5
"""Share of the machine's memory above which Go's garbage collector works harder (GOMEMLIMIT). Smaller: it costs CPU.
Larger: the machine swaps. There is no system limit: Go reserves far more memory than it uses, and exits at once when an
allocation is refused."""
_OPEN_FILES = 65_536
"""Minimum limit of open files, if the system permits it: each publisher and viewer takes one."""

log = logging.getLogger(__name__)


def _ignore(_pid: int) -> None:
    pass


class MediaMTXProcess:
    """Uses the files of `MediaMTXHome(directory)` and runs MediaMTX as its account. It can be supervised."""

    name = "mediamtx"
    failed_event = "mediamtx_failed"
    title = "MediaMTX"

    def __init__(self, binary: Path, config: MediaMTXConfig, directory: Path) -> None:
        self._binary = binary.absolute()
        self._config = config
        self._home = home_of(directory)
        self._log = ServerLog(self._home.log_path)
        self._child: subprocess.Popen[bytes] | None = None
        self._adopted: psutil.Process | None = None

    @property
    def pid(self) -> int | None:
        """Changes with each restart; None while MediaMTX does not run."""
        running = self._child or self._adopted
        return running.pid if running else None

    @property
    def config_path(self) -> Path:
        return self._home.config_path

    @property
    def log_path(self) -> Path:
        return self._log.path

    async def start(self, on_spawn: Callable[[int], None] = _ignore) -> None:
        """Write the configuration, begin a new log, and launch MediaMTX. Raises PortTaken or MediaMTXNotStarted."""
        assert self.pid is None, "started twice"
        try:
            self._home.make()
            self._home.write_config(self._config)
            self._log.rotate()
        except OSError as error:
            raise MediaMTXNotStarted(
                f"MediaMTX cannot be set up in {self._home.directory}: {error.strerror}"
            ) from error
        await self.launch(on_spawn)

    async def adopt(self, pid: int) -> bool:
        """Take over a server that an earlier control plane left running, with its publishers and viewers.

        It must be our executable with our unchanged configuration file, and answer with the pinned version. Otherwise
        returns False, and the caller calls `start`: a server of ours has been stopped, another process is left alone.
        """
        assert self.pid is None, "started twice"
        self._adopted = self._ours(pid)
        if self._adopted is None:
            return False
        if await asyncio.to_thread(self._is_as_started_now, self._adopted) and await self._answers_as_pinned(
            _ADOPT_DEADLINE_S
        ):
            log.info("mediamtx_adopted", extra={"pid": pid})
            return True
        log.info("mediamtx_not_adopted", extra={"pid": pid})
        await self._end(_USELESS_DEADLINE_S)
        return False

    async def launch(self, on_spawn: Callable[[int], None] = _ignore) -> None:
        """Spawn MediaMTX and return when its API answers, which requires that our hooks listener answers MediaMTX.

        `on_spawn` gets the pid before MediaMTX is ready. Raises PortTaken or MediaMTXNotStarted, and leaves no process
        behind.
        """
        since_bytes, spawned_at = self._log.size_bytes, dt.datetime.now(dt.UTC)
        self._child = process = self._spawn(await asyncio.to_thread(self._executable))
        try:
            on_spawn(process.pid)
            await self._ready(process, since_bytes, spawned_at)
        except BaseException:
            await self._end(_USELESS_DEADLINE_S)
            raise
        log.info("mediamtx_started", extra={"pid": process.pid})

    async def wait(self) -> str:
        """Return how MediaMTX ended, when it has ended. Trims its log meanwhile."""
        while not await self._gone_within(_TRIM_EVERY_S):
            try:
                await asyncio.to_thread(self._log.trim)
            except OSError as error:
                log.warning("mediamtx_log_not_trimmed", extra={"reason": error.strerror})
        status = self._child.returncode if self._child else "unknown"
        self._child = self._adopted = None
        return f"MediaMTX ended with status {status}"

    async def stop(self) -> None:
        """Stop MediaMTX after its offline hooks; kill it after 6 s, or at once if cancelled. Leaves no process."""
        await self._end(_STOP_DEADLINE_S)

    async def _end(self, deadline_s: float) -> None:
        try:
            self._signal(signal.SIGINT)
            if not await self._gone_within(deadline_s):
                log.warning("mediamtx_killed", extra={"pid": self.pid})
                self._signal(signal.SIGKILL)
                await self._gone_within(_KILL_DEADLINE_S)
        finally:
            if self._alive():
                self._signal(signal.SIGKILL)
            if self._child is not None:
                self._child.wait(_KILL_DEADLINE_S)
            self._child = self._adopted = None

    def _executable(self) -> Path:
        """Path at which MediaMTX's account can run the executable: the original, or a copy."""
        try:
            return child.runnable(self._binary, self._home.account)
        except OSError as error:
            raise MediaMTXNotStarted(f"MediaMTX cannot be started: {error}") from error

    def _spawn(self, executable: Path) -> subprocess.Popen[bytes]:
        """Spawn in a new session, so that neither Ctrl-C in our terminal nor our own exit ends MediaMTX."""
        limits = Limits(open_files=max(_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        environment = {"GOMEMLIMIT": str(_memory_bytes()), **child.environment(self._home.account, *_OF_GO)}
        try:
            with self._log.open() as output:
                return subprocess.Popen(
                    child.command(self._command(executable), self._home.account, limits),
                    cwd=self._home.files,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            raise MediaMTXNotStarted(f"MediaMTX cannot be started: {error}") from error

    async def _ready(self, process: subprocess.Popen[bytes], since_bytes: int, spawned_at: dt.datetime) -> None:
        end = time.monotonic() + _START_DEADLINE_S
        async with MediaMTXClient(self._config.api_url, self._config.api_password, deadline_s=1.0) as client:
            while process.poll() is None:
                if time.monotonic() >= end:
                    what = f"did not answer within {_START_DEADLINE_S:.0f} s"
                    raise self._log.failure(what, since_bytes, self._config.listeners)
                info = await _info(client)
                # An older server is another program's on the API port: our child is about to fail to bind it.
                if info is None or info.started_at < spawned_at:
                    await asyncio.sleep(_POLL_S)
                elif info.version != VERSION:
                    raise MediaMTXNotStarted(f"MediaMTX is {info.version}, but this program needs {VERSION}")
                else:
                    return
        what = f"ended with status {process.returncode} at its start"
        raise self._log.failure(what, since_bytes, self._config.listeners)

    async def _gone_within(self, deadline_s: float) -> bool:
        end = time.monotonic() + deadline_s
        while self._alive():
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(_WATCH_S)
        return True

    def _alive(self) -> bool:
        """A zombie, which its parent has not reaped yet, counts as gone."""
        if self._child is not None:
            return self._child.poll() is None
        return self._adopted is not None and _is_alive(self._adopted)

    def _signal(self, number: signal.Signals) -> None:
        """Never signals another process that reuses the pid: a child keeps its pid until reaped, and psutil compares
        start times."""
        if self._child is not None:
            self._child.send_signal(number)
        elif self._adopted is not None and _is_alive(self._adopted):
            self._adopted.send_signal(number)

    def _command(self, executable: Path) -> list[str]:
        return [str(executable), str(self.config_path)]

    def _ours(self, pid: int) -> psutil.Process | None:
        """Return the process if it is a MediaMTX of ours: it runs with our configuration file and leads a session."""
        try:
            process = psutil.Process(pid)
            ours = process.cmdline()[1:] in [[str(path)] for path in self._home.config_paths] and os.getsid(pid) == pid
            return process if ours and _is_alive(process) else None
        except (psutil.Error, OSError):
            return None

    def _is_as_started_now(self, process: psutil.Process) -> bool:
        """Whether executable, user and configuration file (byte by byte) are those of a start now. Blocks."""
        account = self._home.account
        try:
            written = self.config_path.read_text(encoding="utf-8")
            return (
                process.cmdline() == self._command(self._executable())
                and process.uids().real == (account.uid if account else os.geteuid())
                and written == render(self._config)
            )
        except (psutil.Error, OSError, MediaMTXNotStarted):
            return False

    async def _answers_as_pinned(self, deadline_s: float) -> bool:
        async with MediaMTXClient(self._config.api_url, self._config.api_password, deadline_s) as client:
            info = await _info(client)
            return info is not None and info.version == VERSION


async def _info(client: MediaMTXClient) -> MediaServerInfo | None:
    try:
        return await client.info()
    except MediaServerUnavailable:
        return None


def _memory_bytes() -> int:
    """Value of GOMEMLIMIT: a share of the memory of the machine or container."""
    memory = psutil.virtual_memory().total
    with suppress(OSError, ValueError):  # the file contains "max" if there is no limit
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(memory * _MEMORY_SHARE)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
