"""Pings and pongs of the live socket."""

from __future__ import annotations

import asyncio

import aiohttp

from api.sockets.frames import CloseCode
from control_plane.db.pool import Database
from tests.api.live_socket.live import QUICK, House, serving
from tests.waiting import until


async def test_who_answers_pings_stays(database: Database) -> None:
    async with serving(database, QUICK) as house, aiohttp.ClientSession() as session:
        ws = await session.ws_connect(house.url(), autoping=False)
        for _ in range(4):
            while (await ws.receive(timeout=10)).type is not aiohttp.WSMsgType.PING:
                pass
            await ws.pong()
        assert house.hub.sockets() == 1


async def test_a_client_that_does_not_answer_pings_is_disconnected(database: Database) -> None:
    async with serving(database, QUICK) as house, aiohttp.ClientSession() as session:
        async with session.ws_connect(house.url(), autoping=False) as ws:
            async with asyncio.timeout(5):
                kinds = [message.type async for message in ws]
            assert kinds.count(aiohttp.WSMsgType.PING) == 1
            assert ws.close_code == CloseCode.TOO_SLOW
        await until(lambda: house.hub.sockets() == 0)


async def test_a_gift_that_takes_long_does_not_disconnect(database: Database) -> None:
    """While it is worked on nothing is read, so the pong waits too."""
    clock = asyncio.get_running_loop().time
    async with serving(database, QUICK) as house, house.visit(token="fan") as fan:
        await fan.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 4})
        after_many_pings = clock() + 1.0
        await until(lambda: clock() > after_many_pings)
        house.go_on.set()
        assert {(await fan.next())["type"], (await fan.next())["type"]} == {"ack", "gift"}


async def test_pings_of_the_client_are_answered(house: House) -> None:
    async with house.visit() as client:
        await client.hello()
        async with asyncio.timeout(5):
            await (await client.connection.ping(b"are you there"))
