"""SQL of bans and suspensions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.accounts import session_store
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_BAN = """
    update app_user set banned_at = coalesce(banned_at, now()), banned_until = $2, ban_decision_id = $3
    where id = $1 and (banned_at is null or banned_until < coalesce($2::timestamptz, 'infinity')) returning id
"""
_UNBAN = """
    update app_user set banned_at = null, banned_until = null, ban_decision_id = null
    where id = $1 and banned_at is not null returning id
"""
_UNBAN_BY_DECISION = """
    update app_user set banned_at = null, banned_until = null, ban_decision_id = null
    where id = $1 and banned_at is not null and ban_decision_id = $2 returning id
"""
_SUSPENSION_OVER = "select id from app_user where banned_until <= $1 order by banned_until limit $2"
_END_SUSPENSION = """
    update app_user set banned_at = null, banned_until = null, ban_decision_id = null
    where id = $1 and banned_until <= $2 returning id
"""


async def ban(
    connection: Connection, user_id: UserId, until: dt.datetime | None = None, decision_id: int | None = None
) -> bool:
    """Ban the user and end every session. `until`: the end of a suspension. `decision_id`: the decision about a report
    that this comes from. False: the user is banned already for at least as long, or does not exist."""
    banned = await session_store.change(connection, user_id, _BAN, until, decision_id)
    if banned:
        await session_store.end_sessions(connection, user_id)
    return banned


async def unban(connection: Connection, user_id: UserId) -> bool:
    return await session_store.change(connection, user_id, _UNBAN)


async def undo_ban(connection: Connection, user_id: UserId, decision_id: int) -> bool:
    """Unban the user if the ban comes from this decision."""
    return await session_store.change(connection, user_id, _UNBAN_BY_DECISION, decision_id)


async def suspensions_over(database: Database, now: dt.datetime, limit: int) -> Sequence[UserId]:
    """Users whose suspension has ended."""
    return [UserId(row["id"]) for row in await database.fetch(_SUSPENSION_OVER, now, limit)]


async def end_suspension(connection: Connection, user_id: UserId, now: dt.datetime) -> bool:
    """Unban the user if the suspension has ended."""
    return await session_store.change(connection, user_id, _END_SUSPENSION, now)
