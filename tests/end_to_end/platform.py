"""The whole of Stagedoor: `stagedoor run` in its own process, on free ports, called over the network."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import asyncpg
import av
import psutil

from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_within
from control_plane.db.connections import Connection
from control_plane.db.embedded import running_dsn
from tests.postgres import remove
from tests.waiting import until

STAGEDOOR = Path(sys.executable).with_name("stagedoor")
READY_S = 60.0
STOP_S = 10.0
COMMAND_S = 120.0
"""Twenty commands at once on a machine with a hundred encoders take 50 s each."""
PORTS = ("http", "rtmp", "hls", "webrtc", "webrtc_udp", "srt", "mediamtx_api", "hooks")


class Stagedoor:
    """A Stagedoor with its own data directory. It can be started and stopped repeatedly."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.process: asyncio.subprocess.Process | None = None
        self.open_files: int | None = None
        """Hard limit of open files of the process; None: unchanged."""
        self.program: Sequence[str | Path] = (STAGEDOOR, "run")
        self.log_path = data_dir.with_suffix(".log")
        self._log_start = 0
        self._settings: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *exit_: object) -> None:
        try:
            if self._session is not None:
                await self._session.close()
            if self.process is not None and self.process.returncode is None:
                await self.stop()
        finally:
            await self._sweep()

    @property
    def environ(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIVE_")}
        ports = {f"LIVE_{port.upper()}_PORT": "0" for port in PORTS}
        return inherited | ports | {"LIVE_DEV": "1", "LIVE_DATA_DIR": str(self.data_dir)} | self._settings

    @property
    def run(self) -> dict[str, Any]:
        """`run.json`."""
        content: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return content

    @property
    def log(self) -> str:
        """What was logged since `forget_log`, or since the first start."""
        return self.log_path.read_bytes()[self._log_start :].decode(errors="replace") if self.log_path.exists() else ""

    def forget_log(self) -> None:
        self._log_start = self.log_path.stat().st_size

    def set(self, **settings: str) -> None:
        """Change settings of the next start, by their names."""
        self._settings |= {f"LIVE_{name.upper()}": value for name, value in settings.items()}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.run['http_port']}{path}"

    async def start(self) -> None:
        await self.spawn()
        await self.until_ready()

    async def spawn(self) -> None:
        with self.log_path.open("ab") as output:
            narrow = [] if self.open_files is None else ["prlimit", f"--nofile={self.open_files}"]
            self.process = await asyncio.create_subprocess_exec(
                *narrow, *self.program, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )

    async def until_ready(self, deadline_s: float = READY_S) -> None:
        process = self.process
        assert process is not None

        async def ready() -> bool:
            assert process.returncode is None, f"it ended with {process.returncode}:\n{self.log[-3000:]}"
            try:
                if self.run["pids"].get("control_plane") != process.pid:
                    return False  # the file of an earlier start
                return await self.readiness() == 200
            except (OSError, ValueError, KeyError, aiohttp.ClientError):
                return False

        await until(ready, deadline_s, what="ready")

    async def readiness(self) -> int:
        async with self.session.get(self.url("/readyz")) as response:
            return response.status

    async def stop(self, signal_: signal.Signals = signal.SIGINT) -> int:
        """Stop with SIGINT, as Ctrl-C does; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal_)
        async with asyncio.timeout(STOP_S):
            return await self.process.wait()

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run another `stagedoor` command with the same settings; returns exit status and output."""
        process = await asyncio.create_subprocess_exec(
            STAGEDOOR,
            *arguments,
            env=self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(COMMAND_S):
            output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def call(self, endpoint: str, token: str = "", /, **body: Any) -> dict[str, Any]:
        """Call an endpoint; returns the envelope."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.post(self.url(f"/{endpoint}"), json=body, headers=headers) as response:
            assert response.status == 200
            envelope: dict[str, Any] = json.loads(await response.read())
            return envelope

    async def done(self, endpoint: str, token: str = "", /, **body: Any) -> Any:
        """Call an endpoint that must succeed; returns `msg`."""
        envelope = await self.call(endpoint, token, **body)
        assert envelope["code"] == 200, envelope
        return envelope["msg"]

    async def sign_in(self, name: str) -> str:
        profile = await self.done("api/registerUser", auth_token=f"dev:{name}")
        token: str = profile["User"]["auth_token"]
        return token

    async def go_live(self, token: str, visibility: str = "public", **options: Any) -> dict[str, Any]:
        """`visibility`: calls create only public streams, so another value is written into the row."""
        answer = await self.done("api/liveStream", token, started_at="2026-01-31 12:00:00", **options)
        stream: dict[str, Any] = answer["LiveStreaming"]
        if visibility != "public":
            await self.make_visible_to(stream["id"], visibility)
        return stream

    async def make_visible_to(self, stream_id: int, visibility: str) -> None:
        async with self.database() as connection, connection.transaction():
            await connection.execute("update stream set visibility = $2 where id = $1", stream_id, visibility)
            await notify_within(connection, Topic.STREAM, stream_id)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Connection]:
        dsn = running_dsn(self.data_dir)
        assert dsn is not None
        connection = await asyncpg.connect(dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def streams(self) -> dict[int, str]:
        """The status of each unfinished stream, from `stagedoor stream list`."""
        status, output = await self.command("stream", "list", "--json")
        assert status == 0, output
        return {stream["id"]: stream["status"] for stream in json.loads(output)}

    async def becomes(self, stream_id: int, status: str, deadline_s: float = 15.0) -> None:
        """Wait until a joining viewer gets this status of the stream."""

        async def is_so() -> bool:
            async with watching(self, stream_id) as viewer:
                told: str = viewer.hello["stream"]["status"]
                return told == status

        await until(is_so, deadline_s, what=f"stream {stream_id} {status}")

    async def plays(self, stream: dict[str, Any]) -> bool:
        """Whether its HLS URL plays video and audio."""
        try:
            video, audio = await asyncio.to_thread(decoded, local(stream["playback_url"]))
        except (OSError, av.FFmpegError):
            return False
        return video > 10 and audio > 10

    async def metrics(self) -> str:
        async with self.session.get(self.url("/metrics")) as response:
            return await response.text()

    async def _sweep(self) -> None:
        """Kill the processes that a killed platform left running."""
        marks = self._marks
        mine = [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(mark in word for mark in marks for word in process.info["cmdline"] or [])
        ]
        for process in mine:
            process.kill()
        await asyncio.to_thread(psutil.wait_procs, mine, 5)
        remove(self.data_dir)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    @property
    def _marks(self) -> tuple[str, ...]:
        """Texts in the command lines of processes of this data directory. If root runs the tests, PostgreSQL and
        MediaMTX are elsewhere."""
        return tuple(str((self.data_dir / place).resolve()) for place in ("", "postgres", "mediamtx/conf"))

    def processes(self) -> list[str]:
        """The command lines of all processes of this data directory."""
        marks = self._marks
        return [
            " ".join(process.info["cmdline"])
            for process in psutil.process_iter(["cmdline"])
            if any(mark in word for mark in marks for word in process.info["cmdline"] or [])
        ]


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    """Suspend the process and its children (SIGSTOP)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()


def local(url: str) -> str:
    """Replace `localhost` by 127.0.0.1, where the listeners are: `localhost` may resolve to another address first."""
    return url.replace("//localhost", "//127.0.0.1")


def decoded(url: str) -> tuple[int, int]:
    """Numbers of video and audio frames at the start of a stream. Raises OSError when it does not play."""
    video = audio = 0
    with av.open(url, timeout=10) as container:
        for frame in container.decode():
            video += isinstance(frame, av.VideoFrame)
            audio += isinstance(frame, av.AudioFrame)
            if video > 10 and audio > 10:
                break
    return video, audio


class Player:
    """A viewer that plays continuously; `frames` grows while pictures arrive."""

    def __init__(self, url: str) -> None:
        self.frames = 0
        self._url = url
        self._leaving = threading.Event()
        self.thread = threading.Thread(target=self._play, name="player", daemon=True)

    def _play(self) -> None:
        with av.open(self._url, timeout=10) as container:
            for _ in container.decode(video=0):
                self.frames += 1
                if self._leaving.is_set():
                    return

    async def goes_on(self, deadline_s: float = 10.0) -> None:
        """Wait for four seconds of frames: more than the player has buffered."""
        seen = self.frames
        await until(lambda: self.frames > seen + 100, deadline_s, what="pictures")

    async def leave(self) -> None:
        self._leaving.set()
        await asyncio.to_thread(self.thread.join, 15)


@asynccontextmanager
async def playing(stream: dict[str, Any]) -> AsyncIterator[Player]:
    player = Player(local(stream["playback_url"]))
    player.thread.start()
    try:
        await until(lambda: player.frames > 0, what="the first picture")
        yield player
    finally:
        await player.leave()


class Viewer:
    """A live socket that keeps every received frame."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._reader = asyncio.create_task(self._read(), name="viewer")

    async def _read(self) -> None:
        async for message in self._socket:
            self.frames.append(json.loads(message.data))
        self.close_code = self._socket.close_code

    async def close(self) -> None:
        await self._socket.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def send(self, **frame: Any) -> None:
        await self._socket.send_json(frame)

    @property
    def hello(self) -> dict[str, Any]:
        return self.frames[0]

    def events(self) -> list[dict[str, Any]]:
        """The numbered frames: events."""
        return [frame for frame in self.frames if "seq" in frame and "at" in frame]

    def gifts(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == "gift"]

    def statuses(self) -> list[str]:
        return [frame["data"]["status"] for frame in self.frames if frame["type"] == "status"]

    async def sees(self, condition: Callable[[Viewer], object], deadline_s: float = 15.0, *, what: str = "") -> None:
        try:
            await until(lambda: bool(condition(self)), deadline_s, what=what or "a frame")
        except AssertionError as error:
            raise AssertionError(f"{error}; it saw {self.frames}") from None


@asynccontextmanager
async def watching(
    platform: Stagedoor, stream_id: int, query: str = "", token: str = "", **headers: str
) -> AsyncIterator[Viewer]:
    url = platform.url(f"/ws/live/{stream_id}{query}").replace("http://", "ws://")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    viewer = Viewer(await platform.session.ws_connect(url, headers=headers))
    try:
        await viewer.sees(lambda seen: seen.frames, what="hello")
        yield viewer
    finally:
        await viewer.close()
