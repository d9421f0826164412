"""SQL of the column in which older releases kept the payout addresses of users, in plain text."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_PLAIN = "select id, paypal from app_user where paypal <> '' order by id limit $1"
_EMPTY = "update app_user set paypal = '' where id = $1 and paypal = $2 returning true"


async def plain_addresses(database: Database, limit: int) -> list[tuple[UserId, str]]:
    return [(UserId(row["id"]), row["paypal"]) for row in await database.fetch(_PLAIN, limit)]


async def empty(connection: Connection, user_id: UserId, text: str) -> bool:
    """Locks the user. False: the column is empty already."""
    return bool(await connection.fetchval(_EMPTY, user_id, text))
