"""The hook script as MediaMTX runs it: in its own process, with its environment variables."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.web_request import BaseRequest

import hooks.send_event
from mediamtx.node.hook_command import hook_command, write_hook_file

SECRET = "a secret: 100% ünlike any other"
STREAM_KEY = "token%3DkTHEKEYofTHEstream"
VARIABLES = {
    "MTX_PATH": "live/7",
    "MTX_SOURCE_TYPE": "rtmpConn",
    "MTX_SOURCE_ID": "4f1c2d9e-0000-4000-8000-000000000001",
    "MTX_QUERY": STREAM_KEY,
}
TOLD = {
    "event": "online",
    "path": "live/7",
    "source_type": "rtmpConn",
    "source_id": "4f1c2d9e-0000-4000-8000-000000000001",
}


@dataclass
class Receiver:
    port: int = 0
    statuses: list[int] = field(default_factory=list)
    """Statuses to answer with in turn; then 204."""
    heard: list[tuple[str, str | None, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def handle(self, request: BaseRequest) -> web.Response:
        self.heard.append((request.path, request.headers.get("Authorization"), await request.json()))
        self.raw.append(f"{request.raw_headers}{await request.text()}")
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)


@contextlib.asynccontextmanager
async def receiving(listener: socket.socket | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.handle))
    await runner.setup()
    try:
        await web.SockSite(runner, listener or socket.create_server(("127.0.0.1", 0))).start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def hook_file(tmp_path: Path) -> Path:
    return tmp_path / "hook"


@dataclass
class Sent:
    status: int | None
    output: str
    took_s: float


async def started(hook_file: Path, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
    argv = [*hook_command(Path(hooks.send_event.__file__), hook_file), *arguments]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *argv, env={**VARIABLES, **variables}, stdout=pipe, stderr=asyncio.subprocess.STDOUT, start_new_session=True
    )


async def send(hook_file: Path, *arguments: str, **variables: str) -> Sent:
    started_at = time.monotonic()
    process = await started(hook_file, *arguments, **variables)
    output, _ = await asyncio.wait_for(process.communicate(), 10)
    return Sent(process.returncode, output.decode(), time.monotonic() - started_at)


@pytest.mark.parametrize("event", ["online", "offline"])
async def test_an_event_is_told_with_the_secret(receiver: Receiver, hook_file: Path, event: str) -> None:
    write_hook_file(hook_file, receiver.url, SECRET)
    sent = await send(hook_file, event)
    assert (sent.status, sent.output) == (0, "")
    assert receiver.heard == [("/hooks/event", encode_basic_auth("mediamtx", SECRET, "utf-8"), TOLD | {"event": event})]


async def test_the_publishers_query_is_never_passed_on(receiver: Receiver, hook_file: Path) -> None:
    write_hook_file(hook_file, receiver.url, SECRET)
    sent = await send(hook_file, "online")
    assert receiver.heard
    assert STREAM_KEY not in receiver.raw[0] + sent.output
    assert "MTX_QUERY" not in Path(hooks.send_event.__file__).read_text()


async def test_a_listener_that_comes_back_is_told(hook_file: Path) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # and refuses until it listens
    write_hook_file(hook_file, f"http://127.0.0.1:{listener.getsockname()[1]}/hooks", SECRET)
    process = await started(hook_file, "online")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.wait(), 0.3)
    async with receiving(listener) as receiver:
        output, _ = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, output) == (0, b"")
        assert len(receiver.heard) == 1


async def test_a_listener_that_fails_is_asked_again(receiver: Receiver, hook_file: Path) -> None:
    write_hook_file(hook_file, receiver.url, SECRET)
    receiver.statuses = [500, 503]
    assert (await send(hook_file, "online")).status == 0
    assert len(receiver.heard) == 3


async def test_a_listener_that_refuses_is_not_asked_again(receiver: Receiver, hook_file: Path) -> None:
    write_hook_file(hook_file, receiver.url, SECRET)
    receiver.statuses = [401]
    sent = await send(hook_file, "online")
    assert (sent.status, sent.output) == (1, "send_event: online: answered 401\n")
    assert len(receiver.heard) == 1


async def test_without_a_listener_it_gives_up_after_three_seconds_and_says_so(hook_file: Path) -> None:
    write_hook_file(hook_file, "http://127.0.0.1:9/hooks", SECRET)
    sent = await send(hook_file, "online")
    assert (sent.status, sent.output) == (1, "send_event: online: given up after 3 s: Connection refused\n")
    assert 2.4 < sent.took_s < 8, "and generous on a busy machine"


async def test_a_listener_that_hangs_is_left_after_three_seconds(hook_file: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        write_hook_file(hook_file, f"http://127.0.0.1:{deaf.getsockname()[1]}/hooks", SECRET)
        sent = await send(hook_file, "online")
    assert sent.status == 1
    assert sent.output.startswith("send_event: online: given up after 3 s: ")
    assert 2.4 < sent.took_s < 8, "and generous on a busy machine"


async def test_something_that_does_not_speak_http_is_not_believed(hook_file: Path) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        write_hook_file(hook_file, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks", SECRET)
        sent = await send(hook_file, "online")
    assert sent.status == 1
    assert "not HTTP" in sent.output


async def test_ended_by_mediamtx_it_goes_quietly(hook_file: Path) -> None:
    asked = asyncio.Event()

    async def be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(be_silent, "127.0.0.1", 0) as server:
        write_hook_file(hook_file, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks", SECRET)
        process = await started(hook_file, "online")
        await asyncio.wait_for(asked.wait(), 10)
        process.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, output) == (1, b"")


@pytest.mark.parametrize(
    "text",
    ["", "http://127.0.0.1:9080/hooks/event\n", "https://h:1/x\nSECRET\n", "http://h/x\nSECRET\n", "a\nb\nSECRET\n"],
)
async def test_a_hook_file_that_is_not_one_is_told_without_its_content(hook_file: Path, text: str) -> None:
    hook_file.write_text(text)
    sent = await send(hook_file, "online")
    assert sent.status == 1
    assert "the hook file does not" in sent.output
    assert "SECRET" not in sent.output
    assert len(sent.output.splitlines()) == 1


async def test_a_hook_file_that_is_not_there_is_told(hook_file: Path) -> None:
    sent = await send(hook_file, "online")
    assert (sent.status, sent.output) == (
        1, "send_event: online: the hook file cannot be read: No such file or directory\n",
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("ready",), ("online", "offline")])
async def test_anything_but_the_two_events_is_refused(
    receiver: Receiver, hook_file: Path, arguments: tuple[str, ...]
) -> None:
    write_hook_file(hook_file, receiver.url, SECRET)
    sent = await send(hook_file, *arguments)
    assert sent.status == 1
    assert "usage" in sent.output
    assert receiver.heard == []


@pytest.mark.parametrize("path", ['live/7"', "live\\7", "live/7\r\nX: y", "live/ü"])
async def test_a_variable_that_is_no_path_is_not_sent(receiver: Receiver, hook_file: Path, path: str) -> None:
    write_hook_file(hook_file, receiver.url, SECRET)
    sent = await send(hook_file, "online", MTX_PATH=path)
    assert sent.status == 1
    assert receiver.heard == []


async def test_it_imports_nothing_slow(tmp_path: Path) -> None:
    """Each event is a process, and `urllib` would triple the time that it takes."""
    script = Path(hooks.send_event.__file__)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-X", "importtime", str(script), stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    imported = {line.rpartition(b"|")[2].strip().decode() for line in stderr.splitlines() if b"|" in line}
    assert "socket" in imported
    assert not imported & {"json", "urllib", "http", "http.client", "argparse", "re", "ssl", "typing"}
