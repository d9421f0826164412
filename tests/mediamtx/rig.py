"""A real MediaMTX, a listener for its hooks, and real publishers, on free ports of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from aiohttp import encode_basic_auth, web
from aiohttp.web_request import BaseRequest

import hooks.send_event
from control_plane.streams.media.api_password import api_password
from mediamtx.node.client import MediaMTXClient
from mediamtx.node.config import MediaMTXConfig
from mediamtx.node.home import home_of
from mediamtx.node.process import MediaMTXProcess
from tests.ports import free_port

SECRET = "hook secret: @/?#%"
STREAM_KEY = "kSTREAMKEYdoesNotLeak"
SCRIPT = Path(hooks.send_event.__file__)


def free_ports() -> dict[str, Any]:
    """One free port for each listener of the server, all different."""
    listeners = MediaMTXConfig(hooks_url="", hook_secret="", hook_command=()).listeners
    return {name: free_port() for name in listeners.values()}


@dataclass
class Listener:
    """Receives MediaMTX's calls and records them; admits publishers by default."""

    port: int = 0
    allow: Callable[[dict[str, Any]], bool] = lambda _request: True
    asked: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    strangers: int = 0
    """Calls without the secret."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def heard(self, event: str) -> bool:
        return any(told["event"] == event for told in self.events)

    async def handle(self, request: BaseRequest) -> web.Response:
        if request.headers.get("Authorization") != encode_basic_auth("mediamtx", SECRET):
            self.strangers += 1
            return web.Response(status=401)
        told = await request.json()
        if request.path == "/hooks/auth":
            if told["action"] == "api":
                return web.Response(status=204 if told["password"] == api_password(SECRET) else 401)
            self.asked.append(told)
            return web.Response(status=200 if self.allow(told) else 403)
        self.events.append(told)
        return web.Response(status=204)


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    runner = web.ServerRunner(web.Server(listener.handle))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        listener.port = runner.addresses[0][1]
        yield listener
    finally:
        await runner.cleanup()


def config_for(directory: Path, hooks_url: str) -> MediaMTXConfig:
    """A configuration with the hook file written, in a folder whose name needs quoting."""
    command = home_of(directory / 'it\'s a "hook" folder').write_hook(hooks_url, SECRET, SCRIPT)
    assert command, "a Python is there that every user may run"
    return replace(MediaMTXConfig(hooks_url=hooks_url, hook_secret=SECRET, hook_command=command), **free_ports())


@dataclass
class Rig:
    process: MediaMTXProcess
    config: MediaMTXConfig
    listener: Listener
    client: MediaMTXClient

    def publish_url(self, path: str) -> str:
        return f"rtmp://127.0.0.1:{self.config.rtmp_port}/{path}?token={STREAM_KEY}"

    @property
    def log(self) -> str:
        return self.process.log_path.read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def running(binary: Path, directory: Path, **changes: Any) -> AsyncIterator[Rig]:
    async with listening() as listener:
        config = replace(config_for(directory, listener.url), **changes)
        process = MediaMTXProcess(binary, config, directory / "mediamtx")
        await process.start()
        try:
            async with MediaMTXClient(config.api_url, config.api_password) as client:
                yield Rig(process, config, listener, client)
        finally:
            await process.stop()


@contextlib.asynccontextmanager
async def publishing(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an ffmpeg that publishes a small picture and a tone."""
    ffmpeg = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-re",
        "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
        "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-pix_fmt", "yuv420p",
        "-c:a", "aac", "-f", "flv", url,
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield ffmpeg
    finally:
        if ffmpeg.returncode is None:
            ffmpeg.kill()
        await ffmpeg.wait()
