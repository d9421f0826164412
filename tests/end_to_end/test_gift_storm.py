"""Gifts while the server or PostgreSQL is killed at random moments: every answered gift is there once, every other one
once or not at all, and a retry says which. `make rehearse` repeats it many times."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import pytest

from control_plane.db.embedded import running_dsn
from control_plane.db.pool import open_pool
from control_plane.ledger.adjustments import adjust
from tests.control_plane.ledger.books import audit
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

STORMS = int(os.environ.get("GIFT_STORMS", "5"))
HOSTS = 3
SENDERS = 8
CALLERS = 16
"""Calls at the same time: two of each sender."""
GIFTS = 300
"""Gifts of one storm. The kill comes while about half of them are answered."""
COINS = 1_000_000

pytestmark = pytest.mark.timeout(120 + 40 * STORMS)

SENT = """
    select idempotency_key, sent.id from ledger_transfer transfer join gift_sent sent on sent.transfer_id = transfer.id
    where operation = 'gift'
"""
EVENTS = """
    select log.stream_id, last_seq, count(event.seq) as events, count(*) filter (where event.type = 'gift') as gifts,
        (select count(*) from gift_sent where stream_id = log.stream_id) as sent
    from stream_log log left join stream_event event using (stream_id) group by log.stream_id, last_seq
"""


@dataclass(frozen=True, slots=True)
class Order:
    token: str
    stream_id: int
    key: str


@dataclass(slots=True)
class Storm:
    """The orders of one storm, which callers share, and the answers so far."""

    orders: list[Order]
    answered: dict[str, int] = field(default_factory=dict)
    """The id of the sent gift by key."""


async def test_no_gift_is_lost_or_doubled_when_the_server_or_postgresql_is_killed(own: Stagedoor) -> None:
    moments = random.Random(os.environ.get("GIFT_STORM_SEED", "stagedoor"))
    hosts = [await own.sign_in(f"host{number}") for number in range(HOSTS)]
    streams = [(await own.go_live(host))["id"] for host in hosts]
    senders = [await own.sign_in(f"sender{number}") for number in range(SENDERS)]
    await enrich(own)
    for number in range(STORMS):
        storm = Storm(
            [
                Order(senders[gift % SENDERS], streams[gift // SENDERS % HOSTS], f"{number}-{gift}")
                for gift in range(GIFTS)
            ]
        )
        await rage(own, storm, moments.randint(0, GIFTS // 2), moments.uniform(0, 0.03), server=number % 2 == 0)
        there = await sent(own)
        assert storm.answered.items() <= there.items(), "every answered gift is there, under the id that was answered"

        retried = {order.key: await give(own, order) for order in storm.orders}

        kept = {key: id_ for key, id_ in there.items() if key in retried}
        assert kept.items() <= retried.items(), "a retry answers the gift that is there"
        assert await sent(own) == {**there, **retried}, "a retry of a gift that is not there sends it"
        assert len(set(retried.values())) == GIFTS
    await check(own, streams, senders)


async def enrich(own: Stagedoor) -> None:
    database = await open_pool(dsn_of(own), 2)
    try:
        for row in await database.fetch("select id from app_user where username like 'sender%'"):
            await adjust(database, row["id"], COINS, "start")
    finally:
        await database.close()


async def rage(own: Stagedoor, storm: Storm, answers: int, pause_s: float, *, server: bool) -> None:
    """Send the gifts, and kill the server or PostgreSQL after so many answers and this pause."""
    waiting = iter(storm.orders)

    async def call() -> None:
        for order in waiting:
            try:
                storm.answered[order.key] = await give(own, order)
            except (OSError, aiohttp.ClientError, Unanswered):
                if server:  # it is dead: further gifts have no chance before the restart
                    return

    pid = own.run["pids"]["postgres"]
    async with asyncio.TaskGroup() as callers:
        for number in range(CALLERS):
            callers.create_task(call(), name=f"caller-{number}")
        await until(lambda: len(storm.answered) >= answers, 30, what="the moment of the kill")
        await asyncio.sleep(pause_s)  # the moment itself is what is tested
        if server:
            await own.kill()
        else:
            os.kill(pid, signal.SIGKILL)
    if server:
        await own.start()
    else:
        await until(lambda: own.run["pids"]["postgres"] not in (None, pid), 30, what="another PostgreSQL")
        await own.until_ready()


class Unanswered(Exception):
    """The server says that it does not know: code 500."""


async def give(own: Stagedoor, order: Order) -> int:
    """The id of the sent gift. Raises Unanswered."""
    answer = await own.call(
        "api/sendGift",
        order.token,
        live_streaming_id=order.stream_id,
        gift_id=1,
        gift_count=1,
        client_ref=order.key,
    )
    if answer["code"] == 500:
        raise Unanswered(answer["msg"])
    assert answer["code"] == 200, answer
    id_: int = answer["msg"]["GiftSend"]["id"]
    return id_


async def sent(own: Stagedoor) -> Mapping[str, int]:
    """The gifts in the database: id by key."""
    connection = await asyncpg.connect(dsn_of(own))
    try:
        rows = await connection.fetch(SENT)
    finally:
        await connection.close()
    assert len({row["idempotency_key"] for row in rows}) == len(rows)
    return {row["idempotency_key"]: row["id"] for row in rows}


async def check(own: Stagedoor, streams: list[int], senders: list[str]) -> None:
    """One event per gift, numbered without a gap, and every coin accounted for."""
    database = await open_pool(dsn_of(own), 2)
    try:
        await audit(database)
        for row in await database.fetch(EVENTS):
            assert row["events"] == row["last_seq"]
            assert row["gifts"] == row["sent"]
    finally:
        await database.close()
    profiles = await asyncio.gather(*(own.done("api/showUserDetail", sender) for sender in senders))
    spent = [COINS - profile["User"]["wallet"] for profile in profiles]
    assert sum(spent) == STORMS * GIFTS


def dsn_of(own: Stagedoor) -> str:
    dsn = running_dsn(own.data_dir)
    assert dsn is not None, "it runs"
    return dsn
