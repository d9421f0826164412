"""SQL that compares what givers have given to each receiver with the gifts, and the gifts with the ledger.

`gifts_send` keeps the totals (migration 0026). A total is derived again from the gifts themselves, or from the totals of
the next smaller kind, which are compared too.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.db.connections import Connection

_LAST = "select greatest((select max(id) from app_user), (select max(id) from stream), 0)"
_DIFFERENCES = """
    select 'stream_gifter ' || stream_id || '/' || user_id as total, kept.coins as kept, derived.coins as derived
    from (select stream_id, user_id, coins from stream_gifter where stream_id > $1 and stream_id <= $2) as kept
    full join (
        select stream_id, sender_id as user_id, sum(coins)::bigint as coins from gift_sent
        where stream_id is not null and stream_id > $1 and stream_id <= $2 group by stream_id, sender_id) as derived using (stream_id, user_id)
    where kept.coins is distinct from derived.coins
    union all
    select 'stream ' || stream.stream_id, stream.coins, derived.coins
    from (select id as stream_id, coins from stream) as stream
    left join (
        select stream_id, sum(coins)::bigint as coins from stream_gifter
        where stream_id > $1 and stream_id <= $2 group by stream_id) as derived
        using (stream_id)
    where stream_id > $1 and stream_id <= $2 and stream.coins <> coalesce(derived.coins, 0)
    union all
    select 'gift_total ' || receiver_id || '/' || giver_id, kept.coins, derived.coins
    from (select * from gift_total where receiver_id > $1 and receiver_id <= $2) as kept
    full join (
        select receiver_id, sender_id as giver_id, sum(coins)::bigint as coins,
            sum(coins) filter (where day = last_day)::bigint as day_coins, max(last_day) as day,
            sum(coins) filter (where week = last_week)::bigint as week_coins, max(last_week) as week
        from (
            select *, max(day) over given as last_day, max(week) over given as last_week
            from (
                select receiver_id, sender_id, coins, (created_at at time zone 'utc')::date as day,
                    date_trunc('week', created_at at time zone 'utc')::date as week
                from gift_sent where receiver_id > $1 and receiver_id <= $2) as gift
            window given as (partition by receiver_id, sender_id)) as gift
        group by receiver_id, sender_id) as derived using (receiver_id, giver_id)
    where (kept.coins, kept.day, kept.day_coins, kept.week, kept.week_coins)
        is distinct from (derived.coins, derived.day, derived.day_coins, derived.week, derived.week_coins)
    union all
    select 'coins_received ' || user_id, kept.coins, derived.coins
    from (select user_id, coins from coins_received where user_id > $1 and user_id <= $2) as kept
    full join (
        select receiver_id as user_id, sum(coins)::bigint as coins from gift_total where receiver_id > $1 and receiver_id <= $2 group by receiver_id
    ) as derived using (user_id)
    where coalesce(kept.coins, 0) <> coalesce(derived.coins, 0)
"""
_WRONG_GIFTS = """
    select transfer.id, sent.coins as kept, moved.coins as derived
    from ledger_transfer transfer
    left join gift_sent sent on sent.transfer_id = transfer.id
    cross join lateral (
        select coalesce(-sum(amount) filter (where amount < 0), 0)::bigint as coins,
            coalesce(bool_and(owner_id = sent.receiver_id) filter (where amount > 0 and owner_id is not null), true) as to_receiver
        from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where entry.transfer_id = transfer.id
    ) as moved
    where transfer.id > $1 and transfer.id <= $2 and transfer.operation = 'gift'
        and (sent.coins, sent.sender_id, true) is distinct from (moved.coins, transfer.user_id, moved.to_receiver)
    order by transfer.id
"""


async def last_id(connection: Connection) -> int:
    """The greatest id of a receiver or stream."""
    found: int = await connection.fetchval(_LAST)
    return found


async def differences(connection: Connection, after: int, upto: int) -> Sequence[str]:
    """Totals of receivers and streams with ids in this range that are not the sums of their gifts, such as
    `stream_gifter 42/7`, of user 7 in stream 42."""
    rows = await connection.fetch(_DIFFERENCES, after, upto)
    return [f"{row['total']}: {row['kept']} coins, its gifts are {row['derived']}" for row in rows]


async def wrong_gifts(connection: Connection, after: int, upto: int) -> Sequence[str]:
    """Transfers of gifts in this range that have no gift, or one of other coins or between other users."""
    rows = await connection.fetch(_WRONG_GIFTS, after, upto)
    return [
        f"transfer {row['id']} ({row['derived']} coins) "
        + ("has no gift" if row["kept"] is None else "is not that of its gift")
        for row in rows
    ]
