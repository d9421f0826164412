"""SQL of what givers have given to each receiver: top lists, and the comparison of all totals with the gifts.

`gifts_send` keeps the totals (migration 0026). A total is derived again from the gifts themselves, or from the totals of
the next smaller kind, which are compared too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database


class Period(StrEnum):
    EVER = "ever"
    DAY = "day"
    """The present day, UTC."""
    WEEK = "week"
    """The present week, UTC, since Monday."""


class Giver(NamedTuple):
    user_id: UserId
    coins: int


# The indexes are in the order of the ranks, so that the rows of the highest ranks are read and sorted, and no others.
_TOP = """
    select giver_id as user_id, {coins} as coins from gift_total
    where receiver_id = $1 and {period} and exists (select from visible_user where id = giver_id)
    order by {rank} desc, {coins} desc, giver_id limit $2
"""
_TOPS = {
    Period.EVER: _TOP.format(coins="coins", rank="rank", period="true"),
    Period.DAY: _TOP.format(coins="day_coins", rank="day_rank", period="day = (now() at time zone 'utc')::date"),
    Period.WEEK: _TOP.format(
        coins="week_coins", rank="week_rank", period="week = date_trunc('week', now() at time zone 'utc')::date"
    ),
}
_RECENT_STREAMS = "stream_id = any (array(select distinct stream_id from gift_sent where created_at >= $1))"
_RECENT_RECEIVERS = "{} = any (array(select distinct receiver_id from gift_sent where created_at >= $1))"
_DIFFERENCES = """
    select 'stream_gifter ' || stream_id || '/' || user_id as total, kept.coins as kept, derived.coins as derived
    from (select stream_id, user_id, coins from stream_gifter where {streams}) as kept
    full join (
        select stream_id, sender_id as user_id, sum(coins)::bigint as coins from gift_sent
        where stream_id is not null and {streams} group by stream_id, sender_id) as derived using (stream_id, user_id)
    where kept.coins is distinct from derived.coins
    union all
    select 'stream ' || stream.stream_id, stream.coins, derived.coins
    from (select id as stream_id, coins from stream) as stream
    left join (select stream_id, sum(coins)::bigint as coins from stream_gifter where {streams} group by stream_id) as derived
        using (stream_id)
    where {streams} and stream.coins <> coalesce(derived.coins, 0)
    union all
    select 'gift_total ' || receiver_id || '/' || giver_id, kept.coins, derived.coins
    from (select * from gift_total where {receivers}) as kept
    full join (
        select receiver_id, sender_id as giver_id, sum(coins)::bigint as coins,
            sum(coins) filter (where day = last_day)::bigint as day_coins, max(last_day) as day,
            sum(coins) filter (where week = last_week)::bigint as week_coins, max(last_week) as week
        from (
            select *, max(day) over given as last_day, max(week) over given as last_week
            from (
                select receiver_id, sender_id, coins, (created_at at time zone 'utc')::date as day,
                    date_trunc('week', created_at at time zone 'utc')::date as week
                from gift_sent where {receivers}) as gift
            window given as (partition by receiver_id, sender_id)) as gift
        group by receiver_id, sender_id) as derived using (receiver_id, giver_id)
    where (kept.coins, kept.day, kept.day_coins, kept.week, kept.week_coins)
        is distinct from (derived.coins, derived.day, derived.day_coins, derived.week, derived.week_coins)
    union all
    select 'coins_received ' || user_id, kept.coins, derived.coins
    from (select user_id, coins from coins_received where {users}) as kept
    full join (
        select receiver_id as user_id, sum(coins)::bigint as coins from gift_total where {receivers} group by receiver_id
    ) as derived using (user_id)
    where coalesce(kept.coins, 0) <> coalesce(derived.coins, 0)
"""
_ALL_DIFFERENCES = _DIFFERENCES.format(streams="true", receivers="true", users="true")
_RECENT_DIFFERENCES = _DIFFERENCES.format(
    streams=_RECENT_STREAMS,
    receivers=_RECENT_RECEIVERS.format("receiver_id"),
    users=_RECENT_RECEIVERS.format("user_id"),
)


async def top_givers(source: Connection | Database, receiver_id: UserId, period: Period, limit: int) -> Sequence[Giver]:
    """Those who gave most to the receiver, without banned and deleted users. The caller leaves out users whom the viewer
    does not see."""
    return [Giver(**row) for row in await source.fetch(_TOPS[period], receiver_id, limit)]


async def differences(connection: Connection, since: dt.datetime | None = None) -> Sequence[str]:
    """Totals that are not the sums of their gifts, such as `stream_gifter 42/7`, of user 7 in stream 42. `since`: only those
    of streams and receivers with a gift since this time."""
    if since is None:
        rows = await connection.fetch(_ALL_DIFFERENCES)
    else:
        rows = await connection.fetch(_RECENT_DIFFERENCES, since)
    return [f"{row['total']}: {row['kept']} coins, its gifts are {row['derived']}" for row in rows]
