"""Test data for gifts: users, their running streams, and all events that viewers received."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from control_plane.accounts.age import Ages
from control_plane.accounts.store import own_by_id
from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import Appending, EventLog
from control_plane.eventlog.store import create_log
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.metrics import GiftMetrics
from control_plane.gifts.sending import GiftOrder, Gifts
from control_plane.gifts.store import seed_catalogue
from control_plane.gifts.writer import GiftWriter
from control_plane.ledger.adjustments import adjust
from control_plane.observe.metrics import Metrics
from control_plane.streams import store
from control_plane.streams.model import EndReason, StreamOptions
from tests.control_plane.ledger.books import audit
from tests.control_plane.people import new_user

ROSE, HEART = GiftId(1), GiftId(2)
"""Gifts of the catalogue: 1 coin, 5 coins."""

_EVENTS = "select seq, frame from stream_event where stream_id = $1 and type = 'gift' order by seq"
_GAPS = """
    select stream_id from stream_log log
    where last_seq <> (select count(*) from stream_event event where event.stream_id = log.stream_id)
        or last_seq <> (select coalesce(max(seq), 0) from stream_event event where event.stream_id = log.stream_id)
"""
_GIFTS_WITHOUT_EVENTS = """
    select stream.id from stream
    where (select count(*) from gift_sent sent where sent.stream_id = stream.id)
        <> (select count(*) from stream_event event where event.stream_id = stream.id and event.type = 'gift')
"""
_GIFTS_NOT_PAID = """
    select id from gift_sent sent where coins is distinct from (
        select -sum(amount) from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where entry.transfer_id = sent.transfer_id and owner_id = sent.sender_id)
    or coins is distinct from (
        select sum(amount) from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where entry.transfer_id = sent.transfer_id
            and (owner_id = sent.receiver_id and kind in ('earned', 'reward') or owner_id is null and kind = 'commission'))
"""
_WRONG_TOTALS = """
    select 'stream', id from stream
        where coins <> (select coalesce(sum(coins), 0) from gift_sent where stream_id = stream.id)
    union all select 'gifter', stream_id from stream_gifter gifter
        where coins <> (select sum(coins) from gift_sent s where s.stream_id = gifter.stream_id and sender_id = user_id)
    union all select 'received', user_id from coins_received received
        where coins <> (select sum(coins) from gift_sent where receiver_id = received.user_id)
    union all select 'gifts', null
        where (select coalesce(sum(coins), 0) from gift_sent) <> (select coalesce(sum(coins), 0) from coins_received)
            or (select coalesce(sum(coins), 0) from gift_sent where stream_id is not null)
                <> (select coalesce(sum(coins), 0) from stream_gifter)
"""


@dataclass
class Heard:
    """Records events; implements `Offers`."""

    frames: list[tuple[StreamId, Seq, str]] = field(default_factory=list)

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        self.frames += [(stream_id, Seq(first_seq + n), frame) for n, frame in enumerate(frames)]


class Stage:
    def __init__(self, database: Database, commission_bps: int = 0) -> None:
        self.database = database
        self.heard = Heard()
        self.event_log = EventLog(database, self.heard)
        self.writer = GiftWriter(database, self.heard, commission_bps)
        assortment = Assortment(database, lifetime_s=0)
        self.metrics = Metrics()
        metrics, ages = GiftMetrics(self.metrics), Ages(send_gifts=18)
        own_user = partial(own_by_id, database)
        self.gifts = Gifts(database, self.writer, assortment, own_user, "/static/gifts/{}".format, metrics, ages)

    async def open(self) -> None:
        async with self.database.transaction() as connection:
            await seed_catalogue(connection)

    async def close(self) -> None:
        await self.event_log.close()
        await self.writer.close()

    async def user(self, coins: int = 0) -> UserId:
        user_id = await new_user(self.database)
        if coins:
            await adjust(self.database, user_id, coins, "start")
        return user_id

    async def go_live(self, user_id: UserId) -> StreamId:
        async with self.database.transaction() as connection:
            stream = await store.create(connection, user_id, StreamOptions())
            assert stream is not None
            await create_log(connection, stream.id)
        return stream.id

    async def star(self) -> tuple[UserId, StreamId]:
        user_id = await self.user()
        return user_id, await self.go_live(user_id)

    async def end(self, stream_id: StreamId) -> None:
        async def end_stream(connection: Connection, appending: Appending) -> None:
            await store.end(connection, stream_id, EndReason.OWNER, 0)
            appending.close()

        await self.event_log.append(stream_id, end_stream)

    async def gift_events(self, stream_id: StreamId) -> list[dict[str, Any]]:
        return [json.loads(row["frame"]) for row in await self.database.fetch(_EVENTS, stream_id)]

    async def received(self) -> dict[UserId, int]:
        """Coins that users have received, ever."""
        rows = await self.database.fetch("select user_id, coins from coins_received")
        return {row["user_id"]: row["coins"] for row in rows}

    async def audit(self) -> int:
        """The sum of all users' coins. Fails if ledger, gifts, totals and events do not agree."""
        for found in (_GAPS, _GIFTS_WITHOUT_EVENTS, _GIFTS_NOT_PAID, _WRONG_TOTALS):
            assert await self.database.fetch(found) == []
        return await audit(self.database)


def order(
    sender_id: UserId, receiver_id: UserId, gift_id: int = ROSE, count: int = 1, stream_id: StreamId | None = None
) -> GiftOrder:
    return GiftOrder(
        sender_id=sender_id, receiver_id=receiver_id, gift_id=GiftId(gift_id), count=count, stream_id=stream_id
    )
