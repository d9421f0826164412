"""SQL of gifts: the catalogue and the gifts that were sent. `sending_store.py` sends them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.base.errors import present
from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.gifts.catalogue import CATALOGUE, GiftCategory
from control_plane.gifts.gift import Gift, SentGift
from control_plane.ledger.account import TransferId

_OFFERED = """
    select id, title, coins, picture, category, featured, time_s, position, created_at
    from gift where active order by position, id
"""
_SEED = """
    insert into gift (id, title, coins, picture, category, featured, time_s, position)
    select * from unnest($1::integer[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::boolean[], $7::integer[], $8::integer[])
    on conflict (id) do update set title = excluded.title, coins = excluded.coins, picture = excluded.picture,
        category = excluded.category, featured = excluded.featured, time_s = excluded.time_s, position = excluded.position
"""
_OWNER_OF = "select user_id from stream where id = $1"
_COLUMNS = """
    sent.id, sent.stream_id, sent.video_id, sent.seq, sent.gift_id, gift.title, gift.picture, sent.count, sent.coins, sent.sender_id,
    sent.receiver_id, sent.created_at
"""
_SENT_BY = f"select {_COLUMNS} from gift_sent sent join gift on gift.id = sent.gift_id where sent.transfer_id = $1"
# Rows that a gift writes at this moment are skipped: waiting for them could deadlock.
_DELETE_COMBOS = """
    delete from gift_combo where ctid = any (array(
        select ctid from gift_combo where last_at < now() - $1::interval for update skip locked))
"""
_EXPORT_SENT = """
    select sent.id, stream_id, gift_id, title, count, sent.coins, receiver_id, sent.created_at
    from gift_sent sent join gift on gift.id = gift_id where sender_id = $1 and sent.id < $2::bigint order by sent.id desc limit $3
"""
_EXPORT_RECEIVED = """
    select sent.id, stream_id, gift_id, title, count, sent.coins, sender_id, sent.created_at
    from gift_sent sent join gift on gift.id = gift_id where receiver_id = $1 and sent.id < $2::bigint order by sent.id desc limit $3
"""


async def offered(source: Connection | Database) -> Sequence[Gift]:
    """The active gifts in display order."""
    rows = await source.fetch(_OFFERED)
    return [Gift(**{**row, "category": GiftCategory(row["category"])}) for row in rows]


async def seed_catalogue(connection: Connection) -> None:
    """Upsert this release's catalogue into `gift`. The column `active` is left as it is."""
    rows = [
        (gift.id, gift.title, gift.coins, gift.picture, gift.category.value, gift.featured, gift.time_s, position)
        for position, gift in enumerate(CATALOGUE)
    ]
    await connection.execute(_SEED, *zip(*rows, strict=True))


async def owner_of(source: Connection | Database, stream_id: StreamId) -> UserId | None:
    owner: UserId | None = await source.fetchval(_OWNER_OF, stream_id)
    return owner


async def sent_by(source: Connection | Database, transfer_id: TransferId) -> SentGift:
    row = await source.fetchrow(_SENT_BY, transfer_id)
    return SentGift(**present(row, "a gift's transfer and its row are one transaction"))


async def delete_combos_before(database: Database, ago: dt.timedelta) -> None:
    await database.execute(_DELETE_COMBOS, ago)


async def exported_sent(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_SENT, user_id, before, limit)


async def exported_received(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_RECEIVED, user_id, before, limit)
