"""Rules for every answer on the public listener: status, headers, errors."""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import parsedate_to_datetime

import pytest

from api.contract import facts
from api.sections import registry
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Server": "stagedoor"}
EVERYWHERE = [
    *(
        ("GET", "/"),
        ("GET", "/watch/1"),
        ("GET", "/studio"),
        ("GET", "/live"),
        ("GET", "/session"),
        ("POST", "/session"),
    ),
    *(("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/docs"), ("GET", "/openapi.json")),
    *(("POST", "/api/showGifts"), ("POST", "/showgifts"), ("POST", "/api/nothing"), ("GET", "/nothing"), ("PUT", "/x")),
]
REQUEST = b"POST /api/showGifts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n%b\r\n{}"


async def exchange(
    platform: Stagedoor, request: bytes, *, until_closed: bool = False
) -> tuple[str, dict[str, str], bytes]:
    """Send raw bytes; returns status line, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.run["http_port"])
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            answer = await read_answer(reader)
            if until_closed:
                assert await reader.read() == b"", "nothing after the answer"
    finally:
        writer.close()
    return answer


async def read_answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers: dict[str, str] = dict(line.split(": ", 1) for line in lines)
    return status, headers, await reader.readexactly(int(headers["Content-Length"]))


async def test_an_endpoint_that_is_not_served_yet_is_refused_and_counted_by_its_name(stagedoor: Stagedoor) -> None:
    served = {endpoint.name for endpoint in registry(dev=True).endpoints}
    missing = {name: endpoint for name, endpoint in facts.load().endpoints.items() if name not in served}
    assert missing
    for name, endpoint in missing.items():
        for path in (f"api/{name}", name.upper(), f"/api//{name}/", *endpoint.aliases):
            refused = await stagedoor.call(path, some="body")
            assert (refused["code"], refused["msg"]) == (404, f"{name} is not served by this release."), path
    unknown = await calls(stagedoor, 404, "unknown")
    for stranger in ("api/nobodysCall", "api/showSounds/1", "api/" + "x" * 500):
        assert (await stagedoor.call(stranger))["msg"] == "There is no such endpoint."
    assert await calls(stagedoor, 404, "showSounds") > 0
    assert await calls(stagedoor, 404, "unknown") == unknown + 3


async def test_a_foreign_name_for_this_machine_is_answered_nowhere_in_development_mode(stagedoor: Stagedoor) -> None:
    for method, path in EVERYWHERE:
        for host, refused in {"evil.example": True, "localhost": False, "127.0.0.1:1": False}.items():
            async with stagedoor.session.request(method, stagedoor.url(path), headers={"Host": host}) as response:
                assert (response.status == 421) is refused, (path, host)


async def test_a_page_of_another_site_calls_nothing_in_development_mode(stagedoor: Stagedoor) -> None:
    own = stagedoor.url("")
    port = own.rpartition(":")[2]
    foreign: list[dict[str, str]] = [
        {"Origin": origin}
        for origin in (
            "https://evil.example",
            "null",
            "",
            f"http://localhost:{port}",
            "http://127.0.0.1:1",
            f"file://127.0.0.1:{port}",
        )
    ]
    foreign += [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "Cross-Site"}, {"Sec-Fetch-Site": "same-site"}]
    ours: list[dict[str, str]] = [{}, {"Origin": own}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
    for method, path in EVERYWHERE:
        for headers in foreign + ours:
            async with stagedoor.session.request(method, stagedoor.url(path), headers=headers) as response:
                text = await response.text()
            assert ("pages of other sites may not call" in text) is (headers in foreign), (method, path, headers)


async def test_a_link_from_another_site_may_be_followed(stagedoor: Stagedoor) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for method, status in {"GET": 200, "POST": 403}.items():
        async with stagedoor.session.request(
            method, stagedoor.url("/" if method == "GET" else "/api/showGifts"), headers=link
        ) as response:
            assert response.status == status


async def test_every_answer_has_the_safe_headers_and_names_no_versions(stagedoor: Stagedoor) -> None:
    for method, path in [
        *EVERYWHERE,
        ("GET", "/static/gifts/rose.svg"),
        ("GET", "/static/sliders/gifts.png"),
        ("GET", "/media/nothing.mp4"),
    ]:
        async with stagedoor.session.request(method, stagedoor.url(path)) as response:
            assert response.headers.items() >= SAFE.items(), path


async def test_an_answer_to_an_app_in_all_its_bytes(stagedoor: Stagedoor) -> None:
    status, headers, body = await exchange(stagedoor, REQUEST % b"X-Request-Id: mine-1\r\n")
    assert abs(parsedate_to_datetime(headers.pop("Date")).timestamp() - time.time()) < 60
    assert status == "HTTP/1.1 200 OK"
    assert headers == {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Request-Id": "mine-1",
        **SAFE,
    }
    assert body.startswith(b'{"code":200,"msg":[{"Gift":')


async def test_a_request_id_that_could_do_harm_is_not_repeated(stagedoor: Stagedoor) -> None:
    for offered in (b"", b"a b", b"x" * 65, b"<script>"):
        _, headers, _ = await exchange(stagedoor, REQUEST % (b"X-Request-Id: %b\r\n" % offered))
        assert headers["X-Request-Id"].isalnum()
        assert headers["X-Request-Id"].encode() != offered


@pytest.mark.parametrize(
    ("request_", "status", "connection"),
    [
        (REQUEST % b"Connection: close\r\n", "HTTP/1.1 200 OK", "close"),
        (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0") % b"", "HTTP/1.0 200 OK", None),
    ],
)
async def test_a_connection_is_closed_when_the_client_asks_for_it(
    stagedoor: Stagedoor, request_: bytes, status: str, connection: str | None
) -> None:
    first, headers, body = await exchange(stagedoor, request_, until_closed=True)
    assert (first, headers.get("Connection")) == (status, connection)
    assert headers.items() >= SAFE.items()
    assert body.startswith(b'{"code":200')


async def test_a_head_request_gets_no_body(stagedoor: Stagedoor) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stagedoor.run["http_port"])
    writer.write(b"HEAD /api/showGifts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(10):
        head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert rest == b""


HEAD = b"POST /api/showGifts HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", b"HTTP/1.1 200 OK"),
        (b"no HTTP at all\r\n\r\n", b"HTTP/1.0 400 Bad Request"),
        (HEAD + b"Bad Header\r\n\r\n", b"HTTP/1.0 400 Bad Request"),
    ],
    ids=["no gzip", "no HTTP", "no header"],
)
async def test_a_request_that_cannot_be_parsed_is_refused_without_an_error(
    stagedoor: Stagedoor, sent: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stagedoor.run["http_port"])
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(status)
    assert b"Server: stagedoor" in answer
    if status.endswith(b"OK"):
        assert answer.endswith(b'{"code":400,"msg":"The body must not be compressed: leave out Content-Encoding."}')
    assert "Traceback" not in stagedoor.log


async def test_a_client_that_disconnects_amid_a_body_causes_no_error(stagedoor: Stagedoor) -> None:
    before = await calls(stagedoor, 400)
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", stagedoor.run["http_port"])
        writer.write(HEAD + b"Content-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.transport.abort()

    async def told() -> bool:
        return await calls(stagedoor, 400) == before + 3

    await until(told, what="three calls are counted")
    assert "Traceback" not in stagedoor.log


async def test_pages_are_not_asked_too_often_from_one_address(empty: Stagedoor) -> None:
    empty.set(dev="0", address_rate="30")
    await empty.start()
    answers = []

    async def answered(status: int) -> bool:
        async with empty.session.get(empty.url("/live")) as response:
            answers.append(response)
            return response.status == status

    # The checks for readiness come from the same address: they may have left nothing at the start.
    await until(lambda: answered(200), what="a page")
    await until(lambda: answered(429), what="refused")
    last = answers[-1].headers
    assert 0 < int(last["Retry-After"]) < 3
    async with empty.session.get(empty.url("/live"), headers={"Accept": "text/html"}) as response:
        assert (response.status, response.content_type) == (429, "text/html")
        assert "Retry-After" in response.headers
        assert "<h1>Too many requests</h1>" in await response.text()
    assert last.items() >= SAFE.items()
    for path in ("/healthz", "/static/gifts/rose.svg"):
        async with empty.session.get(empty.url(path)) as response:
            assert response.status == 200, path
    async with empty.session.get(empty.url("/videos/1/0-1.a/media.mp4")) as response:
        assert response.status == 404, "files of videos have a higher limit"


async def test_a_null_byte_in_a_name_is_dropped(stagedoor: Stagedoor) -> None:
    origin = {"Origin": stagedoor.url("")}
    async with stagedoor.session.post(stagedoor.url("/session"), json={"name": "a\0da"}, headers=origin) as response:
        assert (await response.json())["user"]["username"] == "ada"


async def test_a_client_that_does_not_read_is_not_answered_without_end(stagedoor: Stagedoor) -> None:
    """Answers wait for their reader; and what was asked is answered in the end, in order."""
    asked = 4000
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", stagedoor.run["http_port"]))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    before = await calls(stagedoor, 200)
    for number in range(asked):
        writer.write(REQUEST % (b"X-Request-Id: %d\r\n" % number))
    assert await settled(stagedoor, before) - before < asked
    async with asyncio.timeout(60):
        for number in range(asked):
            _, headers, _ = await read_answer(reader)
            assert headers["X-Request-Id"] == str(number)
    writer.close()


async def settled(platform: Stagedoor, before: float) -> float:
    """Calls of showGifts that were answered, once there come no more."""
    seen = -1.0

    async def stands_still() -> bool:
        nonlocal seen
        last, seen = seen, await calls(platform, 200)
        if last != seen:
            await asyncio.sleep(0.5)  # nothing tells that a server does nothing any more
        return last == seen > before

    await until(stands_still, 30, what="no more answers")
    return seen


async def calls(platform: Stagedoor, code: int, endpoint: str = "showGifts") -> float:
    """Calls that were answered with this code."""
    sample = f'stagedoor_requests_total{{code="{code}",endpoint="{endpoint}"}}'
    found = [line for line in (await platform.metrics()).splitlines() if line.startswith(sample)]
    return float(found[0].split()[-1]) if found else 0.0
