"""The connection pool: which caller gets which connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control_plane.db import connections as module
from control_plane.db.connections import Connections
from tests.waiting import until


@pytest.fixture
async def two(dsn: str) -> AsyncIterator[Connections]:
    connections = Connections(dsn, 2)
    yield connections
    await connections.close(deadline_s=1)


async def test_none_is_there_before_one_is_needed(two: Connections) -> None:
    assert two.usage() == (0, 0)


async def test_the_one_used_last_is_used_next(two: Connections) -> None:
    first, second = await two.acquire(None), await two.acquire(None)
    two.release(second)
    two.release(first)
    assert [await two.acquire(None) for _ in range(2)] == [first, second]


async def test_who_waits_longest_comes_first(two: Connections) -> None:
    first, second = await two.acquire(None), await two.acquire(None)
    waiting = [asyncio.create_task(two.acquire(None)) for _ in range(2)]
    await asyncio.sleep(0)
    two.release(second)
    assert await waiting[0] is second
    two.release(first)
    assert await waiting[1] is first
    assert two.usage() == (2, 2)


async def test_a_connection_that_is_closed_leaves_its_slot_to_a_waiter(two: Connections) -> None:
    first, _second = await two.acquire(None), await two.acquire(None)
    waiting = asyncio.create_task(two.acquire(None))
    await asyncio.sleep(0)
    first.terminate()
    two.release(first)
    assert await (await waiting).fetchval("select 1") == 1
    assert two.usage() == (2, 2)


async def test_one_left_within_a_transaction_is_not_used_again(two: Connections) -> None:
    connection = await two.acquire(None)
    await connection.execute("begin")
    two.release(connection)
    assert two.usage() == (0, 0)
    assert await two.acquire(None) is not connection


@pytest.mark.parametrize("given", ["a connection", "a place"])
async def test_a_connection_for_a_cancelled_waiter_goes_to_the_next_one(two: Connections, given: str) -> None:
    first, _second = await two.acquire(None), await two.acquire(None)
    gone, next_ = (asyncio.create_task(two.acquire(None)) for _ in range(2))
    await asyncio.sleep(0)
    if given == "a place":
        first.terminate()
    two.release(first)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    async with asyncio.timeout(5):
        assert (await next_ is first) is (given == "a connection")


async def test_who_stopped_waiting_is_passed_over(two: Connections) -> None:
    first, _second = await two.acquire(None), await two.acquire(None)
    gone = asyncio.create_task(two.acquire(None))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    two.release(first)
    assert await two.acquire(None) is first


async def test_a_connection_that_cannot_be_made_leaves_its_place(tmp_path: object) -> None:
    connections = Connections(f"postgresql://stagedoor@/stagedoor?host={tmp_path}", 1)
    for _ in range(2):  # with the place lost, the second would wait for ever
        async with asyncio.timeout(5):
            with pytest.raises(OSError, match="No such file"):
                await connections.acquire(None)


async def test_a_connection_that_was_idle_for_long_is_replaced(
    two: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await two.acquire(None)
    two.release(old)
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    assert await (await two.acquire(None)).fetchval("select 1") == 1
    assert old.is_closed()


async def test_after_a_burst_unused_connections_are_closed(two: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await two.acquire(None), await two.acquire(None)
    two.release(first)
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    two.release(second)
    assert first.is_closed()
    assert two.usage() == (1, 0)


async def test_a_connection_that_dies_on_its_way_to_a_waiter_is_replaced(two: Connections) -> None:
    first, _second = await two.acquire(None), await two.acquire(None)
    waiting = asyncio.create_task(two.acquire(None))
    await asyncio.sleep(0)
    two.release(first)
    first.terminate()
    assert await (await waiting).fetchval("select 1") == 1
    assert two.usage() == (2, 2)


async def test_a_dead_one_is_never_given_out(two: Connections, dsn: str) -> None:
    connection = await two.acquire(None)
    two.release(connection)
    outsider = await asyncpg.connect(dsn)
    await outsider.execute("select pg_terminate_backend($1, 1000)", connection.get_server_pid())
    await outsider.close()
    await until(connection.is_closed)
    assert two.usage() == (0, 0)
    assert await two.acquire(None) is not connection


# ── closing ──


async def test_closing_waits_for_those_in_use(two: Connections) -> None:
    connection = await two.acquire(None)
    closing = asyncio.create_task(two.close(deadline_s=30))
    assert await connection.fetchval("select 1") == 1
    two.release(connection)
    async with asyncio.timeout(5):
        await closing
    assert connection.is_closed()


async def test_a_closed_pool_gives_out_no_connection(two: Connections) -> None:
    await two.acquire(None)
    await two.acquire(None)
    waiting = asyncio.create_task(two.acquire(None))
    await asyncio.sleep(0)
    await two.close(deadline_s=0.01)
    for asking in (waiting, two.acquire(None)):
        with pytest.raises(asyncpg.InterfaceError, match="being closed"):
            await asking
