"""SQL of web push subscriptions: the browsers in which signed-in users asked for push messages.

A subscription belongs to the session that made it, and goes with it: at sign-out, revocation, ban and deletion.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.accounts.caller import SessionKey
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

# At most one for each session and each browser.
_REPLACE = "delete from web_push_subscription where endpoint = $3 or (user_id = $1 and session_id = $2)"
_ADD = """
    insert into web_push_subscription (user_id, session_id, endpoint, public_key, auth, language)
    select user_id, session_id, $3, $4, $5, $6 from session where user_id = $1 and session_id = $2 for key share
    on conflict do nothing
"""
_HAS = "select exists (select from web_push_subscription where user_id = $1 and session_id = $2)"
_REMOVE = "delete from web_push_subscription where user_id = $1 and session_id = $2"
_GONE = "delete from web_push_subscription where endpoint = any($1::text[])"
_FORGET = "delete from web_push_subscription where user_id = $1"
_EXPORT = "select endpoint, language, created_at from web_push_subscription where user_id = $1 order by id desc"


async def add(
    connection: Connection, session: SessionKey, endpoint: str, public_key: str, auth: str, language: str
) -> None:
    """Nothing is added for a session that has ended."""
    await connection.execute(_REPLACE, *session, endpoint)
    await connection.execute(_ADD, *session, endpoint, public_key, auth, language)


async def has(database: Database, session: SessionKey) -> bool:
    return bool(await database.fetchval(_HAS, *session))


async def remove(database: Database, session: SessionKey) -> None:
    await database.execute(_REMOVE, *session)


async def forget_gone(connection: Connection, endpoints: Sequence[str]) -> None:
    await connection.execute(_GONE, endpoints)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)


async def exported_browsers(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)
