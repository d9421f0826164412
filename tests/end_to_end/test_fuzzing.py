"""Thousands of mutated inputs to every listener: no server error, no traceback, no growth of memory.

FUZZ_INPUTS is their number at each door: a few hundred in `make test`, 10,000 in `make rehearse`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

import aiohttp
import hypothesis
import psutil
import pytest
import pytest_asyncio
import schemathesis

from tests.end_to_end.mutations import mutations, names
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.rtmp import publish_attempt
from tests.end_to_end.template import Template

INPUTS = int(os.environ.get("FUZZ_INPUTS", "200"))
GROWTH_BYTES = 64 << 20
"""Allowed growth: more than bounded caches need. A leak of 7 KiB for each of 10,000 inputs exceeds it."""
ABREAST = 128
"""MediaMTX pauses for up to 4 s before it refuses."""

pytestmark = pytest.mark.timeout(3600)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(template: Template) -> AsyncIterator[Stagedoor]:
    async with template.started() as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def unharmed(platform: Stagedoor) -> AsyncIterator[None]:
    """Assert that the server is ready afterwards, logs no failure, and has not grown."""
    assert platform.process is not None
    process = psutil.Process(platform.process.pid)
    log_before, bytes_before = len(platform.log), process.memory_info().rss
    yield
    assert await platform.readiness() == 200
    told = platform.log[log_before:]
    assert "Traceback" not in told, told[told.index("Traceback") - 2000 :][:4000]
    assert process.memory_info().rss - bytes_before < GROWTH_BYTES


@pytest.mark.usefixtures("unharmed")
async def test_calls_made_of_the_openapi_document(platform: Stagedoor) -> None:
    async with platform.session.get(platform.url("/openapi.json")) as response:
        document = await response.json()
    token = await platform.sign_in("fuzzer")
    base = platform.url("")
    await asyncio.to_thread(_call_everything, document, base, token)


def _call_everything(document: dict[str, Any], base: str, token: str) -> None:
    schema = schemathesis.openapi.from_dict(document)
    results: list[Any] = list(schema.get_all_operations())
    operations = [result.ok() for result in results]
    for operation in operations:
        answered = document["paths"][operation.path][operation.method]["responses"]["200"].get("x-codes", [])
        modes = [schemathesis.GenerationMode.POSITIVE]
        if operation.body or operation.query:  # without them there is nothing to get wrong
            modes.append(schemathesis.GenerationMode.NEGATIVE)
        for mode in modes:
            _call(operation.as_strategy(generation_mode=mode), INPUTS // len(operations) // 2, answered, base, token)


def _call(cases: Any, number: int, answered: list[int], base: str, token: str) -> None:
    @hypothesis.settings(
        max_examples=max(number, 5),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=cases)
    def call(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert response.status_code < 500, (case.as_curl_command(), response.text[:500])
        if "application/json" in response.headers.get("Content-Type", ""):
            answer = response.json()
            assert not isinstance(answer, dict) or answer.get("code") not in {500, 503}, case.as_curl_command()
            assert not answered or answer["code"] in answered, (case.as_curl_command(), answer)

    call()


FRAMES = (
    {"type": "auth", "token": "x"},
    {"type": "gift", "id": "tap-1", "gift_id": 1, "count": 1},
    {"type": "chat", "id": "c1", "text": "hello"},
    {"type": "like", "count": 3},
    {"type": "ping"},
    {"type": "mute", "user_id": 1, "id": "m"},
)


@pytest.mark.usefixtures("unharmed")
async def test_frames_on_the_live_socket(platform: Stagedoor) -> None:
    stream = await platform.go_live(await platform.sign_in("star"))
    token = await platform.sign_in("viewer")
    url = platform.url(f"/ws/live/{stream['id']}").replace("http://", "ws://")
    frames = islice(mutations(FRAMES, seed=8), INPUTS)
    await asyncio.gather(*(_send_frames(platform.session, url, token, frames, binary=n % 3 == 0) for n in range(8)))


async def _send_frames(
    session: aiohttp.ClientSession, url: str, token: str, frames: Iterator[bytes], *, binary: bool
) -> None:
    """Send all frames, over several sockets, because ten faults close a socket."""
    left = True
    while left:
        left = False
        async with session.ws_connect(url, headers={"Authorization": f"Bearer {token}"}) as socket:
            for frame in islice(frames, 9):
                left = True
                await socket.send_frame(frame, aiohttp.WSMsgType.BINARY if binary else aiohttp.WSMsgType.TEXT)
            await socket.send_str('{"type":"gift","id":"last","gift_id":0}')
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT and '"id":"last"' in message.data:
                    break
            assert socket.close_code != aiohttp.WSCloseCode.INTERNAL_ERROR


CALLBACK = {
    "ip": "127.0.0.1",
    "user": "",
    "password": "",
    "token": "",
    "action": "publish",
    "path": "live/1",
    "protocol": "rtmp",
    "id": "4f1c2d9e-0000-4000-8000-000000000001",
    "query": "token=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "userAgent": "FMLE/3.0",
}
EVENT = {"event": "online", "path": "live/1", "source_type": "rtmpConn", "source_id": "4f1c2d9e"}


@pytest.mark.usefixtures("unharmed")
async def test_calls_of_the_media_server(platform: Stagedoor) -> None:
    secret = (platform.data_dir / "mediamtx" / "hook").resolve().read_text().splitlines()[1]
    headers = {"Authorization": aiohttp.encode_basic_auth("mediamtx", secret)}
    base = f"http://127.0.0.1:{platform.run['hooks_port']}/hooks"
    bodies = islice(mutations([CALLBACK, CALLBACK | {"action": "read"}, EVENT], seed=8), INPUTS)

    async def send() -> None:
        for number, body in enumerate(bodies):
            url = f"{base}/{('auth', 'event')[number % 2]}"
            async with platform.session.post(url, data=body, headers=headers) as response:
                assert response.status in {204, 400, 401, 413}, (body, response.status)

    await asyncio.gather(*(send() for _ in range(8)))


@pytest.mark.usefixtures("unharmed")
async def test_names_of_rtmp_publishers(platform: Stagedoor) -> None:
    token = await platform.sign_in("encoder")
    stream = await platform.go_live(token)
    key = stream["stream_key"]
    apps = names(["live", "live/", "", f"live/{key}"], seed=8)
    keys = names([key, f"{stream['id']}?token=x", f"{stream['id']}", "live?token="], seed=9)
    pairs = islice(zip(apps, keys, strict=False), INPUTS)
    port = platform.run["rtmp_port"]

    async def attempt() -> None:
        for app, name in pairs:
            await publish_attempt("127.0.0.1", port, app, name)

    await asyncio.gather(*(attempt() for _ in range(ABREAST)))
    assert b"NetStream.Publish.Start" in await publish_attempt("127.0.0.1", port, b"live", key.encode())
    assert b"NetStream.Publish.Unauthorized" in await publish_attempt(
        "127.0.0.1", port, b"live", f"{stream['id']}?token=x".encode()
    )
