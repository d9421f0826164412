"""The long-lived children of a server, MediaMTX and PostgreSQL: how each is started or adopted. Writes the run file."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

from control_plane.base.signing import Keyring
from control_plane.base.workers import Workers
from control_plane.config.ports import Listeners, PortInUse, Ports, choose_again, reserve
from control_plane.config.settings import Settings
from control_plane.db.embedded import EmbeddedPostgres
from control_plane.db.privileges import Dsns, configured_dsns
from control_plane.observe.metrics import Metrics
from hooks import SEND_EVENT
from mediamtx.errors import PortTaken
from mediamtx.node.launch import SETTING_OF, configuration, prepared
from mediamtx.node.process import MediaMTXProcess
from mediamtx.obtain.binary import obtain
from stagedoor.processes.run_file import Run, RunFile
from stagedoor.processes.supervisor import Supervisor

Progress = Callable[[str], None]
ServeHooks = Callable[[socket.socket], Awaitable[Callable[[], Awaitable[None]]]]

PORT_ATTEMPTS = 3
"""Attempts to start MediaMTX. When another program binds a port before MediaMTX does, the next attempt uses another
one."""


class Processes:
    """The children of one run. `stack` stops each one that was started. `run` holds the other content of the run
    file."""

    def __init__(
        self,
        settings: Settings,
        run: Run,
        stack: AsyncExitStack,
        workers: Workers,
        metrics: Metrics,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._stack = stack
        self._supervisor = Supervisor(stack, workers, metrics, self._spawned)
        self._progress = progress
        self._run_file = RunFile(settings.data_dir)
        self._run = run
        self._mediamtx: MediaMTXProcess | None = None
        self.media_api_url = settings.mediamtx_api_url

    async def media_server(self, hooks: Keyring, serve_hooks: ServeHooks) -> tuple[Ports, Listeners]:
        """Reserve the ports, and adopt the MediaMTX that an earlier run left behind or start a new one.

        With LIVE_MEDIAMTX_API_URL no MediaMTX is started. `serve_hooks` is called first, because MediaMTX asks the
        hooks listener whether we may use its API. Raises PortInUse and MediaMTXError.
        """
        settings = self._settings
        if settings.mediamtx_api_url:
            ports, listeners = self._own(reserve(settings, {}, media_server_runs=True))
            self._run = dataclasses.replace(self._run, ports=ports)
            await serve_hooks(listeners.hooks)
            return ports, listeners
        given = Path(settings.mediamtx_bin) if settings.mediamtx_bin else None
        binary = await asyncio.to_thread(obtain, explicit=given, progress=self._progress, may_build=os.geteuid() != 0)
        before, leftover_pid = self._run_file.left_behind()
        if leftover_pid is not None:
            with suppress(PortInUse):  # reserved again below, which reports it
                ports, listeners = reserve(settings, before, media_server_runs=True)
                stop_hooks = await serve_hooks(listeners.hooks)
                if await self._prepare(ports, hooks, binary).adopt(leftover_pid):
                    self._progress("Adopting the MediaMTX that is already running")
                    self._spawned("mediamtx", leftover_pid)
                    return self._own((ports, listeners))
                await stop_hooks()
                for listener in listeners:
                    listener.close()
        ports, listeners = self._own(reserve(settings, before, media_server_runs=False))
        await serve_hooks(listeners.hooks)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            process = self._prepare(ports, hooks, binary)
            self._progress("Starting MediaMTX")
            try:
                await process.start(partial(self._spawned, process.name))
                self._stack.push_async_callback(process.stop)
                break
            except PortTaken as taken:
                if attempt == PORT_ATTEMPTS:
                    raise
                ports = choose_again(settings, ports, SETTING_OF.get(taken.port_name, taken.port_name))
        return ports, listeners

    def _prepare(self, ports: Ports, hooks: Keyring, binary: Path) -> MediaMTXProcess:
        config = configuration(self._settings, ports, hooks, hook_command=())
        self._run = dataclasses.replace(self._run, ports=ports)
        self.media_api_url = config.api_url
        self._mediamtx = prepared(self._settings, config, binary, SEND_EVENT)
        return self._mediamtx

    def _own(self, reserved: tuple[Ports, Listeners]) -> tuple[Ports, Listeners]:
        for listener in reserved[1]:
            self._stack.callback(listener.close)
        return reserved

    async def keep_media_server(self) -> None:
        """Restart MediaMTX whenever it dies. Call it after the hooks listener was opened: on exit MediaMTX then stops
        first, and its last hooks are still served."""
        if self._mediamtx is not None:
            await self._supervisor.keep(self._mediamtx)

    async def postgresql(self) -> Dsns:
        """The data source names. Without LIVE_DATABASE_URL, starts the embedded server. Raises
        EmbeddedPostgresFailed."""
        if configured := configured_dsns(self._settings):
            return configured
        postgres = EmbeddedPostgres(self._settings.data_dir)
        await postgres.start(self._progress, partial(self._spawned, postgres.name))
        await self._supervisor.keep(postgres)
        return postgres.dsns

    def complete_run_file(self) -> None:
        """Add our own pid to the run file, which tells scripts that the server is up. Remove the file on exit."""
        self._stack.callback(self._run_file.remove)
        self._spawned("control_plane", os.getpid())

    def _spawned(self, name: str, pid: int) -> None:
        """Write the pid at once, so that the next start finds MediaMTX even if we are killed right now."""
        self._run = dataclasses.replace(self._run, pids={**self._run.pids, name: pid})
        self._run_file.write(self._run)
