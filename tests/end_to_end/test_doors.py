"""Connection limits of the public listener, on a server with few file descriptors."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from api.contract.dispatch import UNFINISHED_PER_ADDRESS
from control_plane.db.embedded import running_dsn
from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor, local
from tests.end_to_end.test_http import exchange, read_answer
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

OPEN_FILES = 300
STRANGERS = 400


async def auth(stagedoor: Stagedoor, stream: dict[str, Any]) -> int:
    """Send an auth callback for a publisher over a new connection, as MediaMTX does."""
    _, secret = (stagedoor.data_dir / "mediamtx" / "hook").read_text().split()
    key = parse_qs(urlsplit(stream["rtmp_url"]).query)["token"][0]
    call = {"action": "publish", "path": f"live/{stream['id']}", "protocol": "rtmp", "token": key}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        headers = {"Authorization": aiohttp.encode_basic_auth("mediamtx", secret)}
        url = f"http://127.0.0.1:{stagedoor.run['hooks_port']}/hooks/auth"
        async with session.post(url, json=call, headers=headers) as response:
            return response.status


async def test_idle_connections_keep_no_publisher_out_and_are_closed_after_a_while(stopped: Stagedoor) -> None:
    stopped.open_files = OPEN_FILES
    await stopped.start()
    stream = await stopped.go_live(await stopped.sign_in("ada"))
    async with AsyncExitStack() as stack:
        opened = [asyncio.open_connection("127.0.0.1", stopped.run["http_port"]) for _ in range(STRANGERS)]
        strangers = await asyncio.gather(*opened)
        for number, (_, writer) in enumerate(strangers):
            stack.callback(writer.close)
            if number % 2:
                writer.write(b"GET / HTTP/1.1\r\nX: ")
        await until(lambda: "connections_refused" in stopped.log, what="a line about them")
        for _ in range(20):
            assert await auth(stopped, stream) == 204
        assert await stopped.streams() == {int(stream["id"]): "created"}

        async def is_served() -> bool:
            try:  # over a connection of its own
                async with aiohttp.ClientSession() as session, session.get(stopped.url("/healthz")) as response:
                    return response.status == 200
            except (aiohttp.ClientError, OSError):
                return False

        await until(is_served, 40, what="a place for somebody who asks something")
    refused = [line for line in stopped.log.splitlines() if "connections_refused" in line]
    assert len(refused) < 60
    assert "too many in all" in refused[0]


async def test_a_body_that_does_not_arrive_is_refused_and_the_connection_closed(stagedoor: Stagedoor) -> None:
    origin = f"Origin: {stagedoor.url('')}\r\nHost: 127.0.0.1:{stagedoor.run['http_port']}\r\n".encode()

    async def is_closed_with(head: bytes, status: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stagedoor.run["http_port"])
        writer.write(head + b" HTTP/1.1\r\n" + origin + b"Content-Length: 100\r\n\r\n{")
        async with asyncio.timeout(25):
            line, _, body = await read_answer(reader)
            assert line.split()[1] == status
            assert b"did not arrive in time" in body
            assert await reader.read() == b""
        writer.close()

    await asyncio.gather(is_closed_with(b"POST /session", "400"), is_closed_with(b"POST /api/showGifts", "200"))


async def test_unfinished_calls_are_limited_per_address(stopped: Stagedoor) -> None:
    """Behind a proxy: nobody's own address is limited in development mode."""
    stopped.set(trusted_proxies="127.0.0.1/32", calls_per_address="40")
    await stopped.start()
    one_network = ("2001:db8:7::1", "[2001:db8:7:0:ffff::2]:4711", "2001:db8:7::3")
    async with AsyncExitStack() as stack:

        async def begin(path: str, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", stopped.run["http_port"])
            stack.callback(writer.close)
            host = f"127.0.0.1:{stopped.run['http_port']}"
            head = f"Host: {host}\r\nOrigin: http://{host}\r\nX-Forwarded-For: {address}\r\nContent-Length: 2\r\n\r\n"
            writer.write(f"POST {path} HTTP/1.1\r\n{head}".encode())
            return reader, writer

        async def answer(reader: asyncio.StreamReader) -> bytes:
            async with asyncio.timeout(5):  # long before a body is late
                _, _, body = await read_answer(reader)
                return body

        async def is_counted(path: str, number: int) -> None:
            """`number` calls wait for their body; all further ones are refused at once."""
            waiting = [await begin(path, one_network[at % 3]) for at in range(number)]
            refused, _ = await begin(path, one_network[0])
            assert b"Too many requests" in await answer(refused)
            for reader, writer in waiting:
                writer.write(b"{}")
                assert b"Too many requests" not in await answer(reader)

        await is_counted("/api/showGifts", UNFINISHED_PER_ADDRESS)
        await is_counted("/session", 40)
        for _ in range(40):
            await begin("/session", one_network[2])

        async def is_full() -> bool:
            headers = {"X-Forwarded-For": one_network[1]}
            async with stopped.session.get(stopped.url("/live"), headers=headers) as response:
                return response.status == 429

        await until(is_full, what="its forty places are taken")
        for address in ("2001:db8:8::1", "203.0.113.7"):
            headers = {"X-Forwarded-For": address}
            for path in ("/live", "/"):
                async with stopped.session.get(stopped.url(path), headers=headers) as response:
                    assert response.status == 200
            async with stopped.session.post(stopped.url("/api/showGifts"), json={}, headers=headers) as response:
                assert (await response.json())["code"] == 200


async def test_a_second_server_on_the_database_says_so_and_leaves_the_first_alone(stopped: Stagedoor) -> None:
    await stopped.start()
    stream = await stopped.go_live(await stopped.sign_in("ada"))
    dsn = running_dsn(stopped.data_dir)
    assert dsn is not None
    second = Stagedoor(stopped.data_dir.with_name("second"))
    shutil.copytree(stopped.data_dir / "media", second.data_dir / "media")
    async with second:
        second.set(database_url=dsn)
        await second.spawn()
        assert second.process is not None
        async with asyncio.timeout(60):
            assert await second.process.wait() == 1
        assert "Another `stagedoor run` uses this database" in second.log
        assert "Traceback" not in second.log
        assert second.processes() == []
    async with Publisher(local(stream["rtmp_url"])):
        await stopped.becomes(int(stream["id"]), "live")


async def test_a_sign_in_has_a_small_body(stagedoor: Stagedoor) -> None:
    headers = {"Origin": stagedoor.url("")}
    for size, status in {100: 401, 9000: 400}.items():
        body = json.dumps({"auth_token": "x", "more": "y" * size})
        async with stagedoor.session.post(stagedoor.url("/session"), data=body, headers=headers) as response:
            assert response.status == status
            text = await response.text()
    assert "8192" in text


async def test_a_path_with_dot_segments_leads_nowhere(stagedoor: Stagedoor) -> None:
    paths = ["/api/../metrics", "/api/%2e%2E/metrics", "/./metrics", "/api/.%2e/metrics", "/api/..%2fmetrics", "/.."]
    paths += [
        "/static/docs/../../metrics",
        "/media/%2e%2e/%2e%2e/metrics",
        "http://localhost/api/../metrics",
        "/x\\..\\y",
    ]
    for path in paths:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        line, _, _ = await exchange(stagedoor, request)
        assert line.split()[1] in {"400", "404"}, path
    request = b"GET /metrics?x=../y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", stagedoor.run["http_port"])
    writer.write(request)
    assert (await reader.readline()).split()[1] == b"200"
    writer.close()
