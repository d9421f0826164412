"""SQL of rewards: the daily check-ins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.ledger.account import TransferId
from control_plane.rewards.model import Checkin

_COLUMNS = "user_id, day, streak, coins, created_at"
_ADD = f"""
    insert into daily_checkin (user_id, day, streak, coins, transfer_id)
    values ($1, $2, 1 + coalesce((select streak from daily_checkin where user_id = $1 and day = $2::date - 1), 0), $3, $4)
    on conflict do nothing
    returning {_COLUMNS}
"""
_LATEST = f"select {_COLUMNS} from daily_checkin where user_id = $1 order by day desc limit $2"
_EXPORT = "select day, streak, coins, created_at from daily_checkin where user_id = $1 order by day desc"
_FORGET = "delete from daily_checkin where user_id = $1"


async def add(
    connection: Connection, user_id: UserId, day: dt.date, coins: int, transfer_id: TransferId | None
) -> Checkin | None:
    """None: the user has checked in on this day before. Waits for a concurrent call that does so."""
    row = await connection.fetchrow(_ADD, user_id, day, coins, transfer_id)
    return None if row is None else Checkin(**row)


async def latest(source: Connection | Database, user_id: UserId, limit: int) -> Sequence[Checkin]:
    """Newest first."""
    return [Checkin(**row) for row in await source.fetch(_LATEST, user_id, limit)]


async def exported_checkins(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)
