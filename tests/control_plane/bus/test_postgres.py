"""Messages between processes: fast but unreliable; listeners are notified of a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from control_plane.base.ids import Seq, StreamId
from control_plane.bus.model import Message, Topic
from control_plane.bus.notify import CHANNEL, notify_within
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from tests.postgres import disconnect_everyone
from tests.waiting import in_background, until


class Listener:
    """A process that listens on the bus."""

    def __init__(self, dsn: str) -> None:
        self.bus = PostgresBus(dsn)
        self.heard: list[Message] = []
        self.resyncs = 0
        for topic in Topic:
            self.bus.subscribe(topic, self.heard.append)
        self.bus.on_resync(self._resync)

    def _resync(self) -> None:
        self.resyncs += 1

    @property
    def told(self) -> list[tuple[Topic, int, int]]:
        return [(message.topic, message.id, message.first_seq) for message in self.heard]


@pytest.fixture
async def pair(dsn: str) -> AsyncIterator[tuple[Listener, Listener]]:
    async with AsyncExitStack() as stack:
        here, there = Listener(dsn), Listener(dsn)
        for listener in (here, there):
            await stack.enter_async_context(in_background(listener.bus.run()))
            await listener.bus.connected.wait()
        yield here, there


async def test_a_message_reaches_every_process_but_its_sender(pair: tuple[Listener, Listener]) -> None:
    here, there = pair
    here.bus.publish(StreamId(42), Seq(7))
    there.bus.publish(StreamId(9), Seq(1))
    await until(lambda: here.heard and there.heard)
    assert there.told == [(Topic.EVENTS, 42, 7)]
    assert here.told == [(Topic.EVENTS, 9, 1)]


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
    for seq in range(2000):  # about 70 kilobytes: more than one notification takes
        here.bus.publish(StreamId(42), Seq(seq))
    await until(lambda: len(there.heard) == 2000)
    assert [message.first_seq for message in there.heard] == list(range(2000))


MALFORMED = [
    *(
        "",
        "x",
        " ",
        "  ",
        "x stream",
        "x stream ",
        "x dance [[1,0]]",
        "stream [[1,0]]",
        "x  [[1,0]]",
        '[["x","stream",1]]',
    ),
    *(f"x stream {text}" for text in ("null", "{}", "7", "[1]", "[[]]", "[[1]]", "[[1,0,0]]", "[" * 7000, "[[1,0]] x")),
    *(
        f"x stream [[{id_},0]]"
        for id_ in ("0", "-1", '"1"', "null", "1.5", str(2**31), str(2**64), "1e308", "9" * 7000)
    ),
    *(f"x events [[1,{seq}]]" for seq in ("-1", str(2**63), str(2**70), "[]")),
    "x stream [[1,0],[0,0]]",
]


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, int]]:
    return [(record.levelname, record.message, vars(record)["number"]) for record in caplog.records]


@pytest.mark.parametrize("payload", MALFORMED, ids=range(len(MALFORMED)))
async def test_what_is_no_message_is_one_line_in_the_log_and_nothing_else(
    database: Database, pair: tuple[Listener, Listener], payload: str, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = pair
    await database.execute("select pg_notify($1, $2)", CHANNEL, payload)
    here.bus.publish(StreamId(9), Seq(1))
    await until(lambda: there.heard and len(lines(caplog)) == 2)
    assert there.told == [(Topic.EVENTS, 9, 1)]
    assert here.told == []
    assert lines(caplog) == [("WARNING", "bus_message_malformed", 1)] * 2, "one for each that listens"


async def test_a_flood_of_what_is_no_message_is_one_line_in_the_log(
    database: Database, pair: tuple[Listener, Listener], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = pair
    await database.execute("select pg_notify($1, number::text) from generate_series(1, 500) as number", CHANNEL)
    here.bus.publish(StreamId(9), Seq(1))
    there.bus.publish(StreamId(9), Seq(1))
    await until(lambda: here.heard and there.heard)
    assert lines(caplog) == [("WARNING", "bus_message_malformed", 1)] * 2, "one for each that listens"


async def test_a_transaction_sends_its_messages_when_it_commits(
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
    assert here.told == there.told == [(Topic.STREAM, 2, 0)]
    assert here.heard[0].sender == here.bus.name


async def test_a_lost_connection_is_noticed_at_once_made_again_and_told(
    dsn: str, pair: tuple[Listener, Listener]
) -> None:
    here, there = pair
    lost_at = asyncio.get_running_loop().time()
    await disconnect_everyone(dsn)
    await until(lambda: here.resyncs == there.resyncs == 2)
    assert asyncio.get_running_loop().time() - lost_at < 8
    here.bus.publish(StreamId(5), Seq(1))
    await until(lambda: there.heard)


async def test_what_is_published_while_not_connected_is_dropped(dsn: str) -> None:
    here = Listener(dsn)
    here.bus.publish(StreamId(1), Seq(1))
    there = Listener(dsn)
    async with in_background(there.bus.run()), in_background(here.bus.run()):
        await there.bus.connected.wait()
        await here.bus.connected.wait()
        here.bus.publish(StreamId(2), Seq(1))
        await until(lambda: there.heard)
    assert [message.id for message in there.heard] == [2]


async def test_a_bus_that_stops_is_not_connected(dsn: str) -> None:
    listener = Listener(dsn)
    async with in_background(listener.bus.run()):
        await listener.bus.connected.wait()
    assert not listener.bus.connected.is_set()
