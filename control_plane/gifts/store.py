"""SQL of gifts: the catalogue and the gifts that were sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.accounts.caller import Caller, Role
from control_plane.base.errors import present
from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.gifts.catalogue import CATALOGUE, CatalogueGift, GiftCategory
from control_plane.gifts.events import Person
from control_plane.gifts.gift import Gift, SentGift
from control_plane.ledger.account import TransferId
from control_plane.ledger.store import coins_of
from control_plane.live.audience import Audience
from control_plane.social.blocks_store import are_blocked
from control_plane.streams.store import adding_coins

_OFFERED = """
    select id, title, coins, picture, category, featured, time_s, position, created_at
    from gift where active order by position, id
"""
_SEED = """
    insert into gift (id, title, coins, picture, category, featured, time_s, position)
    select * from unnest($1::integer[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::boolean[], $7::integer[], $8::integer[])
    on conflict (id) do update set
        title = case when 'title' = any (gift.own) then gift.title else excluded.title end,
        coins = case when 'coins' = any (gift.own) then gift.coins else excluded.coins end,
        picture = case when 'picture' = any (gift.own) then gift.picture else excluded.picture end,
        category = case when 'category' = any (gift.own) then gift.category else excluded.category end,
        featured = case when 'featured' = any (gift.own) then gift.featured else excluded.featured end,
        time_s = case when 'time_s' = any (gift.own) then gift.time_s else excluded.time_s end,
        position = case when 'position' = any (gift.own) then gift.position else excluded.position end
"""
_PARTIES = f"""
    select sender.id, sender.username, sender.profile_pic, sender.role, sender.dob, stream.id as stream_id, stream.visibility = 'public' as public,
        {coins_of("$1")} as coins,
        exists (select from ledger_account where owner_id = $2 and kind = 'earned') as can_earn,
        exists (select from visible_user where id = $2) and not {are_blocked("$1", "$2")} as reachable
    from app_user sender left join stream on stream.user_id = $2 and stream.status <> 'ended'
    where sender.id = $1 and sender.deleted_at is null
"""
_OWNER_OF = "select user_id from stream where id = $1"
# The gift with the title and the picture that it had when it was sent.
_AS_SENT = """
    gift_sent sent cross join lateral (
        select title, picture from gift_terms where gift_id = sent.gift_id and since <= sent.created_at order by since desc limit 1
    ) as gift
"""
_COLUMNS = """
    sent.id, sent.stream_id, sent.seq, sent.gift_id, gift.title, gift.picture, sent.count, sent.coins, sent.sender_id, sent.receiver_id,
    sent.created_at
"""
_SENT_BY = f"select {_COLUMNS} from {_AS_SENT} where sent.transfer_id = $1"
_OF_TRANSFERS = f"select {_COLUMNS}, transfer_id from {_AS_SENT} where transfer_id = any($1::bigint[])"
_RECORD = f"""
    with sent as (
        insert into gift_sent (stream_id, gift_id, count, coins, sender_id, receiver_id, transfer_id, seq)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        returning *
    ), gifter as (
        insert into stream_gifter (stream_id, user_id, coins) values ($1, $5, $4)
        on conflict (stream_id, user_id) do update set coins = stream_gifter.coins + excluded.coins
        returning coins
    ), received as (
        insert into coins_received (user_id, coins) values ($6, $4)
        on conflict (user_id) do update set coins = coins_received.coins + excluded.coins
    ), earning as (
        {adding_coins(stream_id="$1", coins="$4")}
    )
    select {_COLUMNS}, gifter.coins as sender_total from gifter, sent join gift on gift.id = sent.gift_id
"""
_RECORD_PLAIN = f"""
    with sent as (
        insert into gift_sent (gift_id, count, coins, sender_id, receiver_id, transfer_id)
        values ($1, $2, $3, $4, $5, $6)
        returning *
    ), received as (
        insert into coins_received (user_id, coins) values ($5, $3)
        on conflict (user_id) do update set coins = coins_received.coins + excluded.coins
    )
    select {_COLUMNS} from sent join gift on gift.id = sent.gift_id
"""
_EXPORT_SENT = f"""
    select sent.id, stream_id, gift_id, title, count, sent.coins, receiver_id, sent.created_at
    from {_AS_SENT} where sender_id = $1 and sent.id < $2::bigint order by sent.id desc limit $3
"""
_EXPORT_RECEIVED = f"""
    select sent.id, stream_id, gift_id, title, count, sent.coins, sender_id, sent.created_at
    from {_AS_SENT} where receiver_id = $1 and sent.id < $2::bigint order by sent.id desc limit $3
"""


class Parties(NamedTuple):
    sender: Person
    sender_dob: dt.date | None
    coins: int
    """The sender's coins, bought and earned."""
    stream_id: StreamId | None
    """The receiver's unfinished stream. None: there is none, or the sender may not watch it."""
    can_earn: bool
    """Whether the receiver has a ledger account for earned coins."""
    reachable: bool
    """Whether there is such a receiver for the sender: not banned, deleted or blocked."""


async def offered(source: Connection | Database) -> Sequence[Gift]:
    """The active gifts in display order."""
    rows = await source.fetch(_OFFERED)
    return [Gift(**{**row, "category": GiftCategory(row["category"])}) for row in rows]


async def seed_catalogue(connection: Connection, catalogue: Sequence[CatalogueGift] = CATALOGUE) -> None:
    """Bring this release's catalogue into `gift`. What operators changed or retired is left as it is."""
    rows = [
        (gift.id, gift.title, gift.coins, gift.picture, gift.category.value, gift.featured, gift.time_s, position)
        for position, gift in enumerate(catalogue)
    ]
    await connection.execute(_SEED, *zip(*rows, strict=True))


async def parties(source: Connection | Database, sender_id: UserId, receiver_id: UserId) -> Parties | None:
    """None: the sender does not exist."""
    row = await source.fetchrow(_PARTIES, sender_id, receiver_id)
    if row is None:
        return None
    stream_id = row["stream_id"]
    if stream_id is not None and not Audience(receiver_id, row["public"]).admits(Caller(sender_id, Role(row["role"]))):
        stream_id = None
    return Parties(
        sender=Person(user_id=row["id"], username=row["username"], profile_pic=row["profile_pic"]),
        sender_dob=row["dob"],
        coins=row["coins"],
        stream_id=stream_id,
        can_earn=row["can_earn"],
        reachable=row["reachable"],
    )


async def owner_of(source: Connection | Database, stream_id: StreamId) -> UserId | None:
    owner: UserId | None = await source.fetchval(_OWNER_OF, stream_id)
    return owner


async def sent_by(source: Connection | Database, transfer_id: TransferId) -> SentGift:
    row = await source.fetchrow(_SENT_BY, transfer_id)
    return SentGift(**present(row, "a gift's transfer and its row are one transaction"))


async def of_transfers(database: Database, transfer_ids: Sequence[TransferId]) -> dict[TransferId, SentGift]:
    """The gifts among these transfers."""
    rows = [dict(row) for row in await database.fetch(_OF_TRANSFERS, transfer_ids)]
    return {row.pop("transfer_id"): SentGift(**row) for row in rows}


async def record(
    connection: Connection,
    *,
    stream_id: StreamId,
    seq: Seq,
    gift_id: GiftId,
    count: int,
    coins: int,
    sender_id: UserId,
    receiver_id: UserId,
    transfer_id: TransferId,
) -> tuple[SentGift, int]:
    """The sent gift, and the sender's total coins to this stream. The caller must hold the locks of the stream's log
    row and the receiver's account."""
    row = await connection.fetchrow(_RECORD, stream_id, gift_id, count, coins, sender_id, receiver_id, transfer_id, seq)
    values = dict(present(row, "a gift is in the catalogue and its stream has a row"))
    sender_total: int = values.pop("sender_total")
    return SentGift(**values), sender_total


async def record_plain(
    connection: Connection,
    *,
    gift_id: GiftId,
    count: int,
    coins: int,
    sender_id: UserId,
    receiver_id: UserId,
    transfer_id: TransferId,
) -> SentGift:
    """A gift outside of streams. The caller must hold the lock of the receiver's account."""
    row = await connection.fetchrow(_RECORD_PLAIN, gift_id, count, coins, sender_id, receiver_id, transfer_id)
    return SentGift(**present(row, "a gift is in the catalogue"))


async def exported_sent(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_SENT, user_id, before, limit)


async def exported_received(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_RECEIVED, user_id, before, limit)
