"""SQL that counts exports of personal data."""

from __future__ import annotations

import datetime as dt

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection

_LOCK = "select true from app_user where id = $1 for no key update"
_FORGET = "delete from data_export where user_id = $1 and exported_at <= $2"
_COUNT = """
    insert into data_export (user_id, exported_at)
    select $1, $2 where (select count(*) from data_export where user_id = $1) < $3 returning true
"""
_FORGET_ALL = "delete from data_export where user_id = $1"


async def count_export(
    connection: Connection, user_id: UserId, now: dt.datetime, since: dt.datetime, most: int
) -> bool:
    """False: there were `most` exports since then."""
    await connection.fetchval(_LOCK, user_id)
    await connection.execute(_FORGET, user_id, since)
    return bool(await connection.fetchval(_COUNT, user_id, now, most))


async def forget_exports(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET_ALL, user_id)
