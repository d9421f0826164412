"""How processes tell each other: quickly, and not reliably, which whoever listens is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from control_plane.db.pool import Database
from control_plane.events.bus import LIMIT_BYTES, Bus, Message, Topic, notify_within
from control_plane.ids import Seq, StreamId
from tests.control_plane.events.readers import cut_everybody_off, in_background, until


class Listener:
    """A process on the bus."""

    def __init__(self, dsn: str) -> None:
        self.bus = Bus(dsn)
        self.heard: list[Message] = []
        self.resyncs = 0
        for topic in Topic:
            self.bus.subscribe(topic, self.heard.append)
        self.bus.on_resync(self._resync)

    def _resync(self) -> None:
        self.resyncs += 1

    @property
    def told(self) -> list[tuple[Topic, int, int, list[str]]]:
        return [(message.topic, message.id, message.first_seq, message.frames) for message in self.heard]


@pytest.fixture
async def pair(dsn: str) -> AsyncIterator[tuple[Listener, Listener]]:
    async with AsyncExitStack() as stack:
        here, there = Listener(dsn), Listener(dsn)
        for listener in (here, there):
            await stack.enter_async_context(in_background(listener.bus.run()))
            await listener.bus.connected.wait()
        yield here, there


async def test_everybody_but_the_sender_hears_it(pair: tuple[Listener, Listener]) -> None:
    here, there = pair
    here.bus.publish(StreamId(42), Seq(7), ["one", "two"])
    there.bus.publish(StreamId(9), Seq(1), [])
    await until(lambda: here.heard and there.heard)
    assert there.told == [(Topic.EVENTS, 42, 7, ["one", "two"])]
    assert here.told == [(Topic.EVENTS, 9, 1, [])]


async def test_a_topic_is_heard_by_its_subscribers_only(database: Database, pair: tuple[Listener, Listener]) -> None:
    _, there = pair
    users: list[Message] = []
    there.bus.subscribe(Topic.USER, users.append)
    async with database.transaction() as connection:
        await notify_within(connection, Topic.STREAM, 1)
        await notify_within(connection, Topic.USER, 2)
    await until(lambda: users)
    assert [message.id for message in users] == [2]


async def test_any_number_of_messages_arrive_in_order(pair: tuple[Listener, Listener]) -> None:
    here, there = pair
    for seq in range(300):  # about a hundred kilobytes: more than one notification takes
        here.bus.publish(StreamId(42), Seq(seq), ["x" * 300])
    await until(lambda: len(there.heard) == 300)
    assert [message.first_seq for message in there.heard] == list(range(300))
    assert {len(message.frames[0]) for message in there.heard} == {300}


@pytest.mark.parametrize("size", range(LIMIT_BYTES - 70, LIMIT_BYTES + 5, 5))
async def test_what_is_too_large_is_told_without_its_frames(pair: tuple[Listener, Listener], size: int) -> None:
    here, there = pair
    here.bus.publish(StreamId(42), Seq(1), ["small"])
    here.bus.publish(StreamId(42), Seq(2), ["x" * size])
    here.bus.publish(StreamId(42), Seq(3), ["small"])
    await until(lambda: len(there.heard) == 3)
    first, large, last = there.told
    assert [first[2:], last[2:]] == [(1, ["small"]), (3, ["small"])]
    assert large in ((Topic.EVENTS, 42, 2, []), (Topic.EVENTS, 42, 2, ["x" * size]))


async def test_a_transaction_tells_everybody_when_it_commits(
    database: Database, pair: tuple[Listener, Listener]
) -> None:
    here, there = pair
    async with database.connection() as connection:
        rolled_back = connection.transaction()
        await rolled_back.start()
        await notify_within(connection, Topic.STREAM, 1)
        await rolled_back.rollback()
    async with database.transaction() as connection:
        await notify_within(connection, Topic.STREAM, 2, here.bus.name)
    await until(lambda: here.heard and there.heard)
    assert here.told == there.told == [(Topic.STREAM, 2, 0, [])]
    assert here.heard[0].sender == here.bus.name


async def test_a_lost_connection_is_noticed_at_once_made_again_and_told(
    dsn: str, pair: tuple[Listener, Listener]
) -> None:
    here, there = pair
    lost_at = asyncio.get_running_loop().time()
    await cut_everybody_off(dsn)
    await until(lambda: here.resyncs == there.resyncs == 2)
    assert asyncio.get_running_loop().time() - lost_at < 3
    here.bus.publish(StreamId(5), Seq(1), [])
    await until(lambda: there.heard)


async def test_what_is_published_while_not_connected_is_dropped(dsn: str) -> None:
    here = Listener(dsn)
    here.bus.publish(StreamId(1), Seq(1), [])
    there = Listener(dsn)
    async with in_background(there.bus.run()), in_background(here.bus.run()):
        await there.bus.connected.wait()
        await here.bus.connected.wait()
        here.bus.publish(StreamId(2), Seq(1), [])
        await until(lambda: there.heard)
    assert [message.id for message in there.heard] == [2]


async def test_a_bus_that_stops_is_not_connected(dsn: str) -> None:
    listener = Listener(dsn)
    async with in_background(listener.bus.run()):
        await listener.bus.connected.wait()
    assert not listener.bus.connected.is_set()
