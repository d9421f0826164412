"""Which caller gets which connection of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control_plane.db import connections as module
from control_plane.db.connections import Connections
from tests.control_plane.live.readers import until


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


async def test_a_connection_that_ends_leaves_its_place_to_who_waits(two: Connections) -> None:
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
async def test_what_comes_to_who_stopped_waiting_goes_on_to_the_next(two: Connections, given: str) -> None:
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


async def test_one_that_was_idle_for_long_is_made_anew(two: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    old = await two.acquire(None)
    two.release(old)
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    assert await (await two.acquire(None)).fetchval("select 1") == 1
    assert old.is_closed()


async def test_after_a_burst_those_that_nobody_needs_are_closed(
    two: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await two.acquire(None), await two.acquire(None)
    two.release(first)
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    two.release(second)
    assert first.is_closed()
    assert two.usage() == (1, 0)


async def test_one_that_dies_on_its_way_to_who_waits_is_made_anew(two: Connections) -> None:
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


async def test_once_closed_nobody_gets_one(two: Connections) -> None:
    await two.acquire(None)
    await two.acquire(None)
    waiting = asyncio.create_task(two.acquire(None))
    await asyncio.sleep(0)
    await two.close(deadline_s=0.01)
    for asking in (waiting, two.acquire(None)):
        with pytest.raises(asyncpg.InterfaceError, match="being closed"):
            await asking
