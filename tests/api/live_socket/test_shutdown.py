"""The live socket while the server stops or the database is down."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from api.live_socket.connection import Timing
from api.live_socket.frames import CloseCode
from control_plane.db.pool import Database
from tests.api.live_socket.live import House, raw_client, serving
from tests.control_plane.live.readers import until


async def test_a_server_that_goes_away_says_so_to_everybody(house: House) -> None:
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


async def test_a_client_that_does_not_go_does_not_hold_up_the_server(database: Database) -> None:
    async with serving(database, Timing(close_within_s=60)) as house, raw_client(house):
        started = asyncio.get_running_loop().time()
        await house.socket.close_all(deadline_s=0.3)
        assert asyncio.get_running_loop().time() - started < 1
        await until(lambda: house.hub.sockets() == 0)


async def test_a_database_that_is_away_sends_those_who_join_away_for_a_while(house: House) -> None:
    await house.database.close()
    async with house.visit() as client:
        assert await client.closed() == 1001
