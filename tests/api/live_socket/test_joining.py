"""Joining a live socket: authentication, guests, and refusals."""

from __future__ import annotations

import aiohttp
import pytest

from tests.api.live_socket.live import House


async def test_a_guest_of_a_public_stream_is_greeted_at_once(house: House) -> None:
    epoch = await house.database.fetchval("select epoch from stream_log")
    async with house.visit() as guest:
        hello = await guest.frame()
    assert hello == {
        "type": "hello",
        "epoch": epoch,
        "seq": 0,
        "recovered": False,
        "stream": {
            "id": house.stream_id,
            "user_id": house.host,
            "status": "created",
            "title": "",
            "started_at": None,
            "viewers": 1,
            "likes": 0,
            "coins": 0,
            "playback_url": f"http://media/live/of-{house.host}/index.m3u8",
            "top_gifters": [],
            "pinned": None,
            "chat": [],
            "cohosts": [],
        },
        "you": {"user_id": None, "role": "guest", "muted_until": None},
    }
    assert list(hello) == ["type", "epoch", "seq", "recovered", "stream", "you"]


@pytest.mark.parametrize(
    ("token", "role", "viewers"), [("host", "host", 0), ("fan", "viewer", 1), ("operator", "operator", 1)]
)
async def test_who_one_is_comes_with_the_upgrade(house: House, token: str, role: str, viewers: int) -> None:
    async with house.visit(token=token) as client:
        hello = await client.hello()
    assert hello["you"] == {"user_id": house.tokens[token].user_id, "role": role, "muted_until": None}
    assert hello["stream"]["viewers"] == viewers


async def test_who_one_is_may_come_later(house: House) -> None:
    async with house.visit() as client:
        assert (await client.hello())["you"]["role"] == "guest"
        await client.say({"type": "auth", "token": "fan"})
        assert await client.next() == {"type": "you", "user_id": house.fan, "role": "viewer", "muted_until": None}
        async with house.visit(token="fan") as other:
            assert (await other.hello())["stream"]["viewers"] == 1


@pytest.mark.parametrize(("cookie", "role"), [("fan", "viewer"), ("expired", "guest")])
async def test_a_page_is_known_by_its_cookie_and_otherwise_a_guest(house: House, cookie: str, role: str) -> None:
    async with aiohttp.ClientSession(cookies={"session": cookie}) as session, session.ws_connect(house.url()) as ws:
        assert (await ws.receive_json())["you"]["role"] == role


@pytest.mark.parametrize(("token", "code"), [("expired", 4401), ("", 4401), ("banned", 4403), ("away", 1001)])
async def test_a_token_that_is_not_valid_does_not_make_a_guest(house: House, token: str, code: int) -> None:
    async with house.visit(token=token) as client:
        assert await client.closed() == code
    async with house.visit() as client:
        await client.hello()
        await client.say({"type": "auth", "token": token})
        assert await client.closed() == code


@pytest.mark.parametrize("stream_id", [404, 0, 2**31, 10**30, "abc", "-1", "%00", "٤"])
async def test_a_stream_that_does_not_exist(house: House, stream_id: object) -> None:
    async with house.visit(stream_id=stream_id) as client:
        assert await client.closed() == 4404


async def test_a_close_frame_says_why(house: House) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(house.url(stream_id=404)) as socket:
        message = await socket.receive(timeout=10)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4404, "no such stream")


async def test_an_ordinary_request_is_told_what_this_is(house: House) -> None:
    async with aiohttp.ClientSession() as session, session.get(house.url().replace("ws:", "http:")) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


async def test_compression_is_not_agreed_to(house: House) -> None:
    async with house.visit(compression="deflate") as client:
        await client.hello()
        assert client.connection.response is not None
        assert "Sec-WebSocket-Extensions" not in client.connection.response.headers
