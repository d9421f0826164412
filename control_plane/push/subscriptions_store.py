"""SQL of web push subscriptions: the browsers in which signed-in users asked for push messages.

A subscription belongs to the session that made it, and goes with it: at sign-out, revocation, ban and deletion.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_FORGET = "delete from web_push_subscription where user_id = $1"
_EXPORT = "select endpoint, language, created_at from web_push_subscription where user_id = $1 order by id desc"


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)


async def exported_browsers(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)
