"""Connections that fail during a gift: it is sent exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control_plane.db.pool import DatabaseUnavailable, open_pool
from control_plane.gifts.sending import GiftOrder, GiftOutcome
from control_plane.ledger.wallets import Wallet, wallet
from tests.control_plane.backends import waiting_backend
from tests.control_plane.gifts.severing import SeveringProxy
from tests.control_plane.gifts.stage import HEART, Stage, order
from tests.postgres import by_owner
from tests.waiting import until

KILL_BUSY = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and application_name = 'stagedoor' and state <> 'idle'
"""
WAITING = """
    select count(*) > 0 from pg_stat_activity
    where datname = current_database() and application_name = 'stagedoor' and wait_event_type = 'Lock'
"""


@pytest.fixture
async def outsider(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection outside the pool, to observe and kill the others."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize("client_ref", [None, "ref"])
async def test_a_gift_whose_connection_is_killed_half_way_is_sent_once(
    stage: Stage, outsider: asyncpg.Connection[asyncpg.Record], client_ref: str | None
) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    async with outsider.transaction():
        await outsider.execute("select from ledger_account where owner_id = $1 for update", ann)
        sending = asyncio.create_task(stage.gifts.send(order(ann, star, HEART), client_ref))
        pid = await waiting_backend(stage.database)
        await outsider.execute("select pg_terminate_backend($1)", pid)

    outcome = await sending

    assert outcome.wallet == Wallet()
    assert not outcome.replayed
    assert len(await stage.gift_events(stream_id)) == 1
    assert await stage.audit() == 5


async def test_a_gift_whose_connection_is_killed_after_its_last_statement_is_sent_once(
    stage: Stage, outsider: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A deferred trigger holds the COMMIT back."""
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    statements = """
        create function wait() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end';
        create constraint trigger wait after insert on gift_sent deferrable initially deferred
            for each row execute function wait();
    """
    await by_owner(stage.database, statements)
    await outsider.execute("select pg_advisory_lock(1)")
    sending = asyncio.create_task(stage.gifts.send(order(ann, star, HEART)))
    await outsider.execute("select pg_terminate_backend($1)", await waiting_backend(outsider))
    await outsider.execute("select pg_advisory_unlock(1)")

    assert (await sending).wallet == Wallet()

    assert len(await stage.gift_events(stream_id)) == 1
    assert await stage.audit() == 5


@pytest.mark.parametrize("client_ref", [None, "ref"])
async def test_a_gift_whose_commit_is_not_answered_is_looked_up_and_not_sent_again(
    stage: Stage, dsn: str, client_ref: str | None
) -> None:
    ann = await stage.user(coins=10)
    star, stream_id = await stage.star()
    proxy = SeveringProxy(dsn, commit=b'"sender_total":')  # gifts_send is called outside of transactions
    async with proxy.running():
        database = await open_pool(proxy.dsn, size=2)
        cut_off = Stage(database)
        await wallet(database, ann)
        proxy.commits_to_cut = 1

        outcome = await cut_off.gifts.send(order(ann, star, HEART), client_ref)

        assert proxy.commits_to_cut == 0
        await cut_off.close()
        await database.close()
    assert outcome.wallet == Wallet(bought=5)
    assert outcome.sent.seq == 1
    assert len(await stage.gift_events(stream_id)) == 1
    assert await stage.audit() == 10


async def test_gifts_that_are_retried_by_their_key_while_connections_keep_dying_are_sent_once(
    stage: Stage, outsider: asyncpg.Connection[asyncpg.Record]
) -> None:
    senders = [await stage.user(coins=3) for _ in range(8)]
    stars = [await stage.star() for _ in range(2)]

    async def send(gift: GiftOrder, client_ref: str) -> GiftOutcome:
        while True:
            try:
                return await stage.gifts.send(gift, client_ref)
            except DatabaseUnavailable:
                continue

    sending: list[asyncio.Task[GiftOutcome]] = []

    async def runs_into_it() -> bool:
        await outsider.execute("select pg_stat_clear_snapshot()")
        return all(task.done() for task in sending) or await outsider.fetchval(WAITING)

    killed = 0
    while killed < 5 and not (sending and all(task.done() for task in sending)):
        async with outsider.transaction():  # a batch that runs into this lock is busy
            await outsider.execute("select from stream_log order by stream_id for update")
            sending = sending or [
                asyncio.create_task(send(order(sender, star), f"{star}-{n}"))
                for sender in senders
                for star, _ in stars
                for n in range(2)
                if n or star == stars[0][0]
            ]
            await until(runs_into_it)
            killed += await outsider.fetchval(KILL_BUSY)
    outcomes = await asyncio.gather(*sending)

    assert killed > 0
    assert len({outcome.sent for outcome in outcomes}) == 24
    assert await stage.database.fetchval("select count(*) from gift_sent") == 24
    assert await stage.audit() == 24
