"""SQL of gifts: the catalogue and the gifts that were sent. `sending_store.py` sends them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.base.errors import present
from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.gifts.catalogue import CATALOGUE, CatalogueGift, GiftCategory
from control_plane.gifts.gift import Gift, SentGift
from control_plane.ledger.account import TransferId
from control_plane.social.blocks_store import blocked_with
from control_plane.social.model import Viewer
from control_plane.videos.video import VideoId

DEEPEST = 5_000
"""Gifts on a video that can be reached by paging. Every skipped one costs time."""
_GIFT = ("id", "title", "coins", "picture", "category", "featured", "time_s", "position", "created_at")
_OFFERED = f"select {', '.join(_GIFT)} from gift where active order by position, id"
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
_OWNER_OF = "select user_id from stream where id = $1"
# The gift with the title and the picture that it had when it was sent.
_AS_SENT = """
    gift_sent sent cross join lateral (
        select title, picture from gift_terms where gift_id = sent.gift_id and since <= sent.created_at order by since desc limit 1
    ) as gift
"""
_COLUMNS = """
    sent.id, sent.stream_id, sent.video_id, sent.seq, sent.gift_id, gift.title, gift.picture, sent.count, sent.coins, sent.sender_id,
    sent.receiver_id, sent.created_at
"""
_SENT_BY = f"select {_COLUMNS} from {_AS_SENT} where sent.transfer_id = $1"
_OF_TRANSFERS = f"select {_COLUMNS}, transfer_id from {_AS_SENT} where transfer_id = any($1::bigint[])"
# The ids are selected first, as an array, as those of the feed (`control_plane/videos/store.py`).
_ON_VIDEO = f"""
    select {_COLUMNS}, {", ".join(f"offered.{name} as of_{name}" for name in _GIFT)}
    from {_AS_SENT} join gift offered on offered.id = sent.gift_id
    where sent.id = any (array(
        select id from gift_sent
        where video_id = $1 and (select true from visible_user where id = sender_id) and sender_id not in {blocked_with("$2::integer")}
        order by id desc limit $3 offset $4))
    order by sent.id desc
"""
# Rows that a gift writes at this moment are skipped: waiting for them could deadlock.
_DELETE_COMBOS = """
    delete from gift_combo where ctid = any (array(
        select ctid from gift_combo where last_at < now() - $1::interval for update skip locked))
"""
_EXPORT_SENT = f"""
    select sent.id, stream_id, gift_id, title, count, sent.coins, receiver_id, sent.created_at
    from {_AS_SENT} where sender_id = $1 and sent.id < $2::bigint order by sent.id desc limit $3
"""
_EXPORT_RECEIVED = f"""
    select sent.id, stream_id, gift_id, title, count, sent.coins, sender_id, sent.created_at
    from {_AS_SENT} where receiver_id = $1 and sent.id < $2::bigint order by sent.id desc limit $3
"""


async def offered(source: Connection | Database) -> Sequence[Gift]:
    """The active gifts in display order."""
    rows = await source.fetch(_OFFERED)
    return [_gift(row) for row in rows]


def _gift(row: Row, prefix: str = "") -> Gift:
    values = {name: row[prefix + name] for name in _GIFT}
    return Gift(**{**values, "category": GiftCategory(values["category"])})


async def seed_catalogue(connection: Connection, catalogue: Sequence[CatalogueGift] = CATALOGUE) -> None:
    """Bring this release's catalogue into `gift`. What operators changed or retired is left as it is."""
    rows = [
        (gift.id, gift.title, gift.coins, gift.picture, gift.category.value, gift.featured, gift.time_s, position)
        for position, gift in enumerate(catalogue)
    ]
    await connection.execute(_SEED, *zip(*rows, strict=True))


async def owner_of(source: Connection | Database, stream_id: StreamId) -> UserId | None:
    owner: UserId | None = await source.fetchval(_OWNER_OF, stream_id)
    return owner


async def sent_by(source: Connection | Database, transfer_id: TransferId) -> SentGift:
    row = await source.fetchrow(_SENT_BY, transfer_id)
    return SentGift(**present(row, "a gift's transfer and its row are one transaction"))


async def on_video(
    database: Database, video_id: VideoId, viewer_id: Viewer, limit: int, offset: int
) -> Sequence[tuple[SentGift, Gift]]:
    """Gifts on a video with what was given, the newest first, without those from users whom the viewer does not see. Empty
    from offset `DEEPEST` on."""
    if offset >= DEEPEST:
        return []
    rows = await database.fetch(_ON_VIDEO, video_id, viewer_id, limit, offset)
    return [(SentGift(**{name: row[name] for name in SentGift.__struct_fields__}), _gift(row, "of_")) for row in rows]


async def delete_combos_before(database: Database, ago: dt.timedelta) -> None:
    await database.execute(_DELETE_COMBOS, ago)


async def of_transfers(database: Database, transfer_ids: Sequence[TransferId]) -> dict[TransferId, SentGift]:
    """The gifts among these transfers."""
    rows = [dict(row) for row in await database.fetch(_OF_TRANSFERS, transfer_ids)]
    return {row.pop("transfer_id"): SentGift(**row) for row in rows}


async def exported_sent(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_SENT, user_id, before, limit)


async def exported_received(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_RECEIVED, user_id, before, limit)
