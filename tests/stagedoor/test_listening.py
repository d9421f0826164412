"""The public listener, with real connections: the timeout of request heads, and connection limits."""

from __future__ import annotations

import asyncio
import gzip
import logging
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from stagedoor.listening import listen, listen_to_media_server
from stagedoor.listening.door import Limits
from stagedoor.listening.open_files import public_connections
from tests.waiting import until

HEAD_S = 0.5
STALLED_S = 1.0
LARGE = bytes(64 << 20)
"""Far more than the kernel's buffers of both ends."""
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@asynccontextmanager
async def listening(
    most: int = 100,
    per_address: int = 100,
    key: str | None = "one",
    slow: asyncio.Event | None = None,
    body: bytes = b"here",
    *,
    hooks: bool = False,
    idle_s: float = 0,
) -> AsyncIterator[Open]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if slow is not None:
            await slow.wait()
        return web.Response(body=await request.read() or body)

    async with AsyncExitStack() as stack:
        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if hooks:
            stop = await listen_to_media_server(runner, listener, most, idle_s)
        else:
            stop = await listen(runner, listener, Limits(most, per_address, lambda _: key), HEAD_S, STALLED_S)
        stack.push_async_callback(stop)

        async def open_one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            return reader, writer

        yield open_one


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        try:
            return await reader.read(1) == b""
        except ConnectionError:
            return True


async def answered(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 200") and await reader.readexactly(4) == b"here"


@pytest.mark.parametrize("beginning", [b"", b"GET", REQUEST[:-2], b"GET / HTTP/1.1\r\nX: " + b"x" * 5000])
async def test_a_connection_without_a_whole_head_is_closed(beginning: bytes) -> None:
    async with listening() as connect:
        reader, writer = await connect()
        writer.write(beginning)
        assert await is_closed(reader)


async def test_a_head_that_comes_byte_by_byte_has_no_more_time() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        closed = asyncio.create_task(is_closed(reader))
        writer.write(REQUEST[:-2] + b"X: ")
        while not closed.done():
            writer.write(b"x")
            await asyncio.wait([closed], timeout=0.1)
        assert closed.result()


async def test_the_second_head_is_awaited_no_longer_than_the_first_but_only_once_it_has_begun() -> None:
    async with listening() as connect:
        reader, writer = await connect()
        for _ in range(2):
            writer.write(REQUEST)
            assert await answered(reader)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3 * HEAD_S):  # between requests there is more time
                    await reader.read(1)
        writer.write(REQUEST[:9])
        assert await is_closed(reader)


async def test_a_compressed_body_stays_compressed() -> None:
    """A refused one is received, too, so that its sender reads the answer. Decompressed, it would take seconds of the loop."""
    bomb = gzip.compress(bytes(4 << 20))
    async with listening() as connect:
        reader, writer = await connect()
        head = f"POST / HTTP/1.1\r\nHost: here\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        async with asyncio.timeout(10):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(bomb)) == bomb


async def test_an_answer_may_take_longer_than_a_head() -> None:
    slow = asyncio.Event()
    async with listening(slow=slow) as connect:
        reader, writer = await connect()
        writer.write(REQUEST + REQUEST[:9])  # with the beginning of the next
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * HEAD_S):
                await reader.read(1)
        slow.set()
        assert await answered(reader)


@pytest.mark.parametrize(
    ("most", "per_address", "key", "expected"), [(8, 100, None, 8), (100, 3, "one", 3), (8, 100, "one", 4)]
)
async def test_connections_over_the_limit_are_closed_at_once_and_make_no_flood_of_lines(
    caplog: pytest.LogCaptureFixture, most: int, per_address: int, key: str | None, expected: int
) -> None:
    slow = asyncio.Event()
    with caplog.at_level(logging.WARNING):
        async with listening(most, per_address, key, slow) as connect:
            held = [await connect() for _ in range(expected)]
            for _, writer in held:
                writer.write(REQUEST)
            for _ in range(30):
                reader, _ = await connect()
                assert await is_closed(reader)
            slow.set()
            for reader, writer in held:
                assert await answered(reader)
                writer.close()
                await writer.wait_closed()

            async def room() -> bool:
                reader, writer = await connect()
                writer.write(REQUEST)
                try:
                    return await answered(reader)
                except (asyncio.IncompleteReadError, ConnectionError):
                    return False

            await until(room, 10)
    lines = [record for record in caplog.records if record.msg == "connections_refused"]
    assert 1 <= len(lines) < 20
    assert lines[0].__dict__["open"] == expected
    assert sum(record.__dict__["refused"] for record in lines) >= 30


async def test_what_idles_at_the_hooks_listener_makes_room_for_what_calls() -> None:
    slow = asyncio.Event()
    async with listening(8, hooks=True, slow=slow) as connect:
        idle = [await connect() for _ in range(20)]
        for reader, _ in idle[:12]:
            assert await is_closed(reader)  # the oldest
        calls = [await connect() for _ in range(8)]
        for _, writer in calls:
            writer.write(REQUEST)
        for reader, _ in idle[12:]:
            assert await is_closed(reader)
        one_more, _ = await connect()
        assert await is_closed(one_more)  # all eight are at work
        slow.set()
        for reader, _ in calls:
            assert await answered(reader)


async def test_calls_that_come_all_at_once_take_no_room_from_each_other() -> None:
    async with listening(8, hooks=True, idle_s=60) as connect:
        calls = [await connect() for _ in range(8)]
        one_more, _ = await connect()
        assert await is_closed(one_more)
        for _, writer in calls:
            writer.write(REQUEST)
        for reader, _ in calls:
            assert await answered(reader)


async def test_a_burst_of_strangers_keeps_calls_out_for_a_moment_and_makes_no_flood_of_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    idle_s = 2.0  # long enough that none of them is idle before the last has come
    async with listening(8, hooks=True, idle_s=idle_s) as connect:
        strangers = [await connect() for _ in range(60)]
        for reader, _ in strangers[8:]:
            assert await is_closed(reader)
        await asyncio.sleep(1.1 * idle_s)
        for _ in range(8):  # an encoder that is refused may not come back
            reader, writer = await connect()
            writer.write(REQUEST)
            assert await answered(reader)
    lines = [record for record in caplog.records if record.msg == "hook_connections_refused"]
    assert len(lines) <= 3
    assert sum(record.__dict__["refused"] for record in lines) == 52


async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off_and_a_slow_one_is_not() -> None:
    async with listening(body=LARGE) as connect:
        stuck, stuck_writer = await connect()
        stuck_writer.write(REQUEST)
        await stuck.readuntil(b"\r\n\r\n")  # its reader takes no more than it is asked for
        slow, writer = await connect()
        writer.write(REQUEST)
        await slow.readuntil(b"\r\n\r\n")
        taken = 0
        end = asyncio.get_running_loop().time() + 3 * STALLED_S
        while asyncio.get_running_loop().time() < end:
            taken += len(await slow.readexactly(512 << 10))
            await asyncio.sleep(STALLED_S / 20)
        assert taken < len(LARGE) * 3 / 4, "it was still reading when it could have been cut off"
        await slow.readexactly(len(LARGE) - taken)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await stuck.readexactly(len(LARGE))


@pytest.mark.parametrize("open_files", [300, 1024, 65536])
def test_public_connections_leave_descriptors_for_the_rest(open_files: int) -> None:
    most = public_connections(open_files, database_pool=10, probes=2)
    assert open_files // 2 < most <= open_files - 100


def test_the_soft_limit_of_open_files_becomes_the_hard_one_for_children_too() -> None:
    code = (
        "import resource, subprocess\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))\n"
        "from stagedoor.listening.open_files import raise_open_files\n"
        "print(raise_open_files(), subprocess.check_output(['sh', '-c', 'ulimit -n'], text=True).strip())\n"
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 300
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["300", "300"]
