"""The live socket while the server stops or the database is down."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from api.sockets.connection import Timing
from api.sockets.frames import CloseCode
from control_plane.db.pool import Database
from tests.api.live_socket.live import House, raw_client, serving
from tests.waiting import until


async def test_a_server_that_stops_says_so_to_every_client(house: House) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(house.visit()) for _ in range(20)]
        for client in clients:
            await client.hello()
        codes = asyncio.gather(*(client.closed() for client in clients))
        async with asyncio.timeout(5):
            await house.socket.close_all(deadline_s=60)
        assert await codes == [1001] * 20
        assert house.socket.closed == {CloseCode.GOING_AWAY: 20}
        async with house.visit() as late:
            assert await late.closed() == 1001


async def test_a_client_that_does_not_close_does_not_delay_the_stop(database: Database) -> None:
    async with serving(database, Timing(close_within_s=60)) as house, raw_client(house):
        async with asyncio.timeout(10):  # long before the client's sixty seconds
            await house.socket.close_all(deadline_s=0.3)
        await until(lambda: house.hub.sockets() == 0)


async def test_a_bug_of_a_conversation_that_is_closed_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 6})
        await until(lambda: house.blocked)
        await house.socket.close_all(deadline_s=60)
        assert await fan.closed() == 1001
    (record,) = caplog.records
    assert (record.message, record.exc_info and record.exc_info[0]) == ("socket_failed", TimeoutError)


async def test_without_the_database_a_join_is_told_to_come_back_later(house: House) -> None:
    await house.database.close()
    async with house.visit() as client:
        assert await client.closed() == 1001
