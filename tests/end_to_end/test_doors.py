"""What strangers can take of the public listener: a server with few descriptors."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.end_to_end.platform import Stagedoor, until
from tests.end_to_end.test_http import exchange, read_answer

pytestmark = pytest.mark.timeout(180)

OPEN_FILES = 300
STRANGERS = 400


async def auth(stagedoor: Stagedoor, stream: dict[str, Any]) -> int:
    """As MediaMTX asks whether a publisher may come in: over a new connection."""
    _, secret = (stagedoor.data_dir / "mediamtx" / "hook").read_text().split()
    key = parse_qs(urlsplit(stream["rtmp_url"]).query)["token"][0]
    call = {"action": "publish", "path": f"live/{stream['id']}", "protocol": "rtmp", "token": key}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        headers = {"Authorization": aiohttp.encode_basic_auth("mediamtx", secret)}
        url = f"http://127.0.0.1:{stagedoor.run['hooks_port']}/hooks/auth"
        async with session.post(url, json=call, headers=headers) as response:
            return response.status


async def test_idle_strangers_keep_no_publisher_out_and_are_gone_after_a_while(stopped: Stagedoor) -> None:
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


async def test_bodies_that_do_not_come_are_answered_and_closed(stagedoor: Stagedoor) -> None:
    origin = f"Origin: {stagedoor.url('')}\r\nHost: 127.0.0.1:{stagedoor.run['http_port']}\r\n".encode()
    for head, status in {b"POST /session": "400", b"POST /api/showGifts": "200"}.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", stagedoor.run["http_port"])
        writer.write(head + b" HTTP/1.1\r\n" + origin + b"Content-Length: 100\r\n\r\n{")
        async with asyncio.timeout(25):
            line, _, body = await read_answer(reader)
            assert line.split()[1] == status
            assert b"did not come in time" in body
            assert await reader.read() == b""
        writer.close()


async def test_a_sign_in_has_a_small_body(stagedoor: Stagedoor) -> None:
    headers = {"Origin": stagedoor.url("")}
    for size, status in {100: 401, 5000: 400}.items():
        body = json.dumps({"auth_token": "x", "more": "y" * size})
        async with stagedoor.session.post(stagedoor.url("/session"), data=body, headers=headers) as response:
            assert response.status == status
            text = await response.text()
    assert "4096" in text


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
