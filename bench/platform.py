"""Start the whole of Stagedoor as a user does: in a process of its own, on free ports, in a temporary folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.processes import OTHER_CORES, ROOT, SERVER_CORES, family, pin
from control_plane.config.secrets import Purpose, Secrets, load_or_create
from control_plane.db.embedded import running_dsn
from control_plane.db.embedded.server import running_dsns
from control_plane.db.pool import Database, open_pool
from control_plane.streams.media.api_password import api_authorization, api_password

COMMAND = (sys.executable, "-c", "from stagedoor.cli import main; main()")
PORTS = ("http", "rtmp", "hls", "webrtc", "webrtc_udp", "srt", "mediamtx_api", "hooks")
READY_S = 120.0
STOP_S = 15.0
_SHOWN = 3000


class Platform:
    """A Stagedoor process. Create it with `platform`; it can be stopped and started again."""

    def __init__(self, data_dir: Path, settings: dict[str, str], session: aiohttp.ClientSession) -> None:
        self.data_dir = data_dir
        self.session = session
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._log_path = data_dir.with_suffix(".log")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def run(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return content

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def secrets(self) -> Secrets:
        return load_or_create(self.data_dir / "secrets.json")

    @property
    def dsn(self) -> str:
        dsn = running_dsn(self.data_dir)
        assert dsn is not None, "it runs"
        return dsn

    @property
    def owner_dsn(self) -> str:
        """Of the role that owns the tables."""
        dsns = running_dsns(self.data_dir)
        assert dsns is not None, "it runs"
        return dsns.owner

    @property
    def hook_password(self) -> str:
        return self.secrets[Purpose.HOOK].signing.value.hex()

    @property
    def media_api(self) -> dict[str, str]:
        """Headers that authorize calls of MediaMTX's control API."""
        return api_authorization(api_password(self.hook_password))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.run['http_port']}{path}"

    async def start(self) -> float:
        """Start; returns the seconds from the command to /readyz 200."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIVE_")}
        ports = {f"LIVE_{port.upper()}_PORT": "0" for port in PORTS}
        set_ = {f"LIVE_{name.upper()}": value for name, value in self._settings.items()}
        environ = {"LIVE_DEV": "1", "LIVE_DATA_DIR": str(self.data_dir), "LIVE_SOCKETS_PER_ADDRESS": "20000"}
        started = time.perf_counter()
        with self._log_path.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(*COMMAND, "run"),
                cwd=ROOT,
                env=inherited | ports | environ | set_,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        await until(self._ready, READY_S, "the platform is ready")
        return time.perf_counter() - started

    async def _ready(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"the platform ended:\n{self.log[-_SHOWN:]}")
        with suppress(OSError, ValueError, KeyError, aiohttp.ClientError):
            if self.run["pids"].get("control_plane") == self.pid:
                async with self.session.get(self.url("/readyz")) as response:
                    return response.status == 200
        return False

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            try:
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def pin(self) -> None:
        """Pin the control plane to one core, and PostgreSQL and MediaMTX to the others, which the callers use too."""
        control_plane, *others = family(self.pid)
        pin(control_plane.pid, SERVER_CORES)
        for process in others:
            with suppress(psutil.NoSuchProcess):
                pin(process.pid, OTHER_CORES)

    async def call(self, endpoint: str, token: str = "", /, **body: Any) -> Any:
        """Call an endpoint and return `msg`. Raises RuntimeError if its code is not 200."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.post(self.url(f"/api/{endpoint}"), json=body, headers=headers) as response:
            envelope = json.loads(await response.read())
        if envelope["code"] != 200:
            raise RuntimeError(f"{endpoint}: {envelope}")
        return envelope["msg"]

    async def sign_in(self, name: str) -> tuple[int, str]:
        """Sign in; returns user id and session token."""
        user = (await self.call("registerUser", auth_token=f"dev:{name}"))["User"]
        return user["id"], user["auth_token"]

    async def go_live(self, token: str) -> dict[str, Any]:
        stream: dict[str, Any] = (await self.call("liveStream", token, started_at="2026-01-31 12:00:00"))[
            "LiveStreaming"
        ]
        return stream

    async def metric(self, name: str) -> float:
        """The sum of all samples whose name begins with `name`; 0 if there is none."""
        return sum(float(line.split()[-1]) for line in await self._samples() if line.startswith(name))

    async def auth_buckets(self) -> dict[str, float]:
        """Histogram of the auth decision: cumulative counts by upper bound in seconds."""
        prefix = 'stagedoor_auth_seconds_bucket{le="'
        found = [line.removeprefix(prefix).split('"} ') for line in await self._samples() if line.startswith(prefix)]
        return {bound: float(count) for bound, count in found}

    async def _samples(self) -> list[str]:
        async with self.session.get(self.url("/metrics")) as response:
            return (await response.text()).splitlines()

    async def open_database(self) -> Database:
        return await open_pool(self.dsn, 4)

    async def sweep(self) -> None:
        """Kill the processes that a killed platform left running, and delete its files."""
        mine = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if process.pid != os.getpid() and any(str(self.data_dir) in word for word in words):
                mine.append(process)
        for process in mine:
            process.kill()
        await asyncio.to_thread(psutil.wait_procs, mine, 5)
        shutil.rmtree((self.data_dir / "postgres").resolve(), ignore_errors=True)


@asynccontextmanager
async def platform(**settings: str) -> AsyncIterator[Platform]:
    """Start a platform in development mode with these settings; stop it on exit."""
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            running = Platform(Path(folder) / "data", settings, session)
            try:
                await running.start()
                yield running
            finally:
                try:
                    await running.stop()
                finally:
                    await running.sweep()


async def until(condition: Callable[[], Awaitable[bool]], deadline_s: float, what: str) -> None:
    end = time.monotonic() + deadline_s
    while not await condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline_s:.0f} s: {what}")
        await asyncio.sleep(0.01)
