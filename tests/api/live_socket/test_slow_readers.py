"""Clients that read slowly or never, and their cost in memory."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack

import psutil

from api.sockets.connection import KERNEL_LIMIT_BYTES, Timing
from api.sockets.frames import CloseCode
from control_plane.db.pool import Database
from control_plane.live.snapshot import REPLAY_LIMIT_BYTES
from control_plane.live.subscriber import QUEUE_LIMIT_BYTES, STATE_LIMIT_BYTES
from tests.api.live_socket.live import House, epoch_of, payloads, raw_client, serving
from tests.control_plane.live.readers import say
from tests.waiting import until

_TOO_SLOW = (4508).to_bytes(2) + b"too slow"
TOO_SLOW_FRAME = bytes((0x88, len(_TOO_SLOW))) + _TOO_SLOW


async def test_a_slow_reader_is_cut_off_and_the_others_hear_everything(database: Database) -> None:
    async with serving(database, Timing(close_within_s=0.5)) as house, house.visit(max_size=None) as quick:
        await quick.hello()
        async with raw_client(house) as client:
            seqs: list[int] = []
            while not house.hub.counts.cut:
                await asyncio.gather(*(say(house.log, house.stream_id, "x" * 8000) for _ in range(10)))
                seqs += [event["seq"] for event in await quick.events(10)]
            assert house.hub.sockets() == 1
            await until(lambda: house.socket.closed[CloseCode.TOO_SLOW] == 1)
            data = b""
            while chunk := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
                data += chunk
            assert not data.endswith(TOO_SLOW_FRAME), "nobody read, so it was aborted"
            await say(house.log, house.stream_id)
            seqs.append((await quick.next())["seq"])
            assert seqs == list(range(1, len(seqs) + 1))


async def test_a_slow_reader_that_wakes_up_is_told_and_goes_on_where_it_was(house: House) -> None:
    async with raw_client(house) as client:
        while not house.hub.counts.cut:
            await asyncio.gather(*(say(house.log, house.stream_id, "x" * 8000) for _ in range(10)))
        data = b""
        async with asyncio.timeout(10):
            while part := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
                data += part
                if data.endswith(TOO_SLOW_FRAME):
                    break
    assert data.endswith(TOO_SLOW_FRAME)
    frames = [json.loads(payload) for payload in payloads(data.removesuffix(TOO_SLOW_FRAME))]
    seqs = [frame["seq"] for frame in frames if frame["type"] == "status"]
    assert seqs == list(range(1, len(seqs) + 1))
    async with house.visit(f"?after={seqs[-1]}&epoch={await epoch_of(house)}", max_size=None) as back:
        assert (await back.hello())["recovered"]
        assert (await back.next())["seq"] == seqs[-1] + 1


async def test_what_a_client_sends_that_does_not_read_is_not_answered(database: Database) -> None:
    async with serving(database, Timing(ping_every_s=1.5, pong_within_s=1.5)) as house, raw_client(house) as client:
        (connection,) = house.socket._door._open
        while connection.buffered_bytes() <= STATE_LIMIT_BYTES:
            await asyncio.gather(*(say(house.log, house.stream_id, "x" * 8000) for _ in range(10)))
        gift = b'{"type":"gift","gift_id":1,"id":"' + b"x" * 64 + b'"}'
        masked = bytes((0x81, 0x80 | len(gift), 0, 0, 0, 0)) + gift
        before = connection.buffered_bytes()
        await asyncio.get_running_loop().sock_sendall(client, masked * 30)
        most = before
        while connection.code is None:
            most = max(most, connection.buffered_bytes())
            await asyncio.sleep(0.01)
        assert connection.code is CloseCode.TOO_SLOW
        assert most < before + 4 * len(gift), "the frame that was being waited for, and a ping; not thirty answers"


async def test_two_hundred_clients_that_never_read_cost_what_the_document_says(database: Database) -> None:
    """Each asks for the largest replay there is, and goes on getting events until it is closed."""
    count, per_socket = 200, QUEUE_LIMIT_BYTES + REPLAY_LIMIT_BYTES + (16 << 10)
    async with serving(database, Timing(close_within_s=0.5)) as house, AsyncExitStack() as stack:
        await asyncio.gather(*(say(house.log, house.stream_id, "x" * 400) for _ in range(1000)))
        before = psutil.Process().memory_info().rss
        for _ in range(count):
            await stack.enter_async_context(raw_client(house, "?after=0"))
        connections = set(house.socket._door._open)
        assert all(connection.buffered_bytes() for connection in connections), (
            "the kernel takes only a part of the replay"
        )
        sockets = [connection._transport.get_extra_info("socket") for connection in connections]
        buffers = {one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for one in sockets}
        assert max(buffers) <= 2 * KERNEL_LIMIT_BYTES
        most = grown = 0
        while house.hub.counts.cut < count:
            await say(house.log, house.stream_id, "x" * 8000)
            most = max(most, *(connection.buffered_bytes() for connection in connections))
            grown = max(grown, psutil.Process().memory_info().rss - before)
        assert most <= per_socket
        assert grown < 2 * count * per_socket
        print(f"at most {most >> 10} KiB a socket; {count} sockets: {grown >> 20} MiB")  # noqa: T201  the document's figures
        await until(lambda: house.socket.closed[CloseCode.TOO_SLOW] == count)


async def test_a_backlog_that_is_too_large_is_not_sent(house: House) -> None:
    for _ in range(9):
        await say(house.log, house.stream_id, "x" * (64 << 10))
    async with house.visit("") as client:
        epoch = (await client.hello())["epoch"]
    async with house.visit(f"?after=1&epoch={epoch}", max_size=None) as client:
        assert not (await client.hello())["recovered"]
    async with house.visit(f"?after=2&epoch={epoch}", max_size=None) as client:
        assert (await client.hello())["recovered"]
        assert [event["seq"] for event in await client.events(7)] == [3, 4, 5, 6, 7, 8, 9]
