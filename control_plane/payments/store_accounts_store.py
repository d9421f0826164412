"""SQL of our ids of users for stores."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_FIND = "select account from store_account where user_id = $1"
# Two first calls at once get the same one.
_OPEN = """
    insert into store_account as kept (user_id) values ($1)
    on conflict (user_id) do update set account = kept.account returning account
"""
_USER = "select user_id from store_account where account = $1"
_EXPORT = "select account from store_account where user_id = $1"
_FORGET = "delete from store_account where user_id = $1"


async def find(database: Database, user_id: UserId) -> UUID | None:
    account: UUID | None = await database.fetchval(_FIND, user_id)
    return account


async def open_account(database: Database, user_id: UserId) -> UUID:
    account: UUID = await database.fetchval(_OPEN, user_id)
    return account


async def user_id(source: Connection | Database, account: UUID) -> UserId | None:
    found: UserId | None = await source.fetchval(_USER, account)
    return found


async def exported_account(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)
