"""SQL of usernames: which user may use which name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import asyncpg

from control_plane.accounts.user import AlreadyTaken, UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

TAKEN = "This username is already taken."

_TAKEN = """
    select exists (select from username_owner where key = any($2::text[]) and (until is null or until > now())
            and user_id is distinct from $3)
        or exists (select from app_user where lower(username) = lower($1) and id is distinct from $3)
"""
# Every writer updates app_user first, and then takes keys in their order, so that two writers cannot wait for each other.
_TAKE = """
    insert into username_owner as owner (key, user_id, name) select key, $1, $2 from unnest($3::text[]) as key
    on conflict (key) do update set user_id = excluded.user_id, name = excluded.name, until = null
        where owner.user_id = excluded.user_id or owner.until < now()
    returning key
"""
_LOCK = "select username from app_user where id = $1 for no key update"
_RENAME = "update app_user set username = $2, verified = verified and not $3 where id = $1"
_CHANGES = "select count(*) from username_change where user_id = $1 and changed_at > now() - $2::interval"
_KEEP = """
    update username_owner set until = now() + $3::interval where user_id = $1 and until is null and key <> all($2::text[])
"""
_CHANGED = "insert into username_change (user_id, former) values ($1, $2)"
_UNRECORDED = """
    select id, username from app_user
    where id > $1 and (select key from username_owner where user_id = app_user.id and until is null limit 1) is null
    order by id limit $2
"""
_RECORD = """
    insert into username_owner (key, user_id, name) select key, $1, $2 from unnest($3::text[]) as key
    on conflict (key) do nothing
"""
_FREE_FORMER = "delete from username_owner where until < now()"
_FORGET_CHANGES = "delete from username_change where user_id = any($1::integer[])"
_EXPORT = "select former, changed_at from username_change where user_id = $1 order by id desc"
_FREE_ALL = "delete from username_owner where user_id = any($1::integer[])"


async def is_taken(database: Database, username: str, keys: Sequence[str], user_id: UserId | None) -> bool:
    """Whether another user than `user_id` has the name, or a name that looks like it."""
    return bool(await database.fetchval(_TAKEN, username, keys, user_id))


async def take(connection: Connection, user_id: UserId, name: str, keys: Sequence[str]) -> None:
    """Raises AlreadyTaken; the transaction is then aborted."""
    taken = await connection.fetch(_TAKE, user_id, name, keys)
    if len(taken) < len(keys):
        raise AlreadyTaken(TAKEN)


async def lock(connection: Connection, user_id: UserId) -> str:
    """Lock the user's row. Returns the current name. Raises UserNotFound."""
    username: str | None = await connection.fetchval(_LOCK, user_id)
    if username is None:
        raise UserNotFound
    return username


async def rename(connection: Connection, user_id: UserId, username: str, *, is_another: bool) -> None:
    """`is_another`: not only in another case. The verified badge is then taken away. Raises AlreadyTaken; the
    transaction is then aborted."""
    try:
        await connection.execute(_RENAME, user_id, username, is_another)
    except asyncpg.UniqueViolationError:
        raise AlreadyTaken(TAKEN) from None


async def changes(connection: Connection, user_id: UserId, within: dt.timedelta) -> int:
    number: int = await connection.fetchval(_CHANGES, user_id, within)
    return number


async def keep_former(
    connection: Connection, user_id: UserId, former: str, keys: Sequence[str], kept: dt.timedelta
) -> None:
    """Record a change. The user's names without `keys` are former ones from now on."""
    await connection.execute(_KEEP, user_id, keys, kept)
    await connection.execute(_CHANGED, user_id, former)


async def unrecorded(database: Database, after: UserId, limit: int) -> Mapping[UserId, str]:
    """Users without a record of their current name, by id."""
    return {row["id"]: row["username"] for row in await database.fetch(_UNRECORDED, after, limit)}


async def record(connection: Connection, user_id: UserId, name: str, keys: Sequence[str]) -> None:
    await connection.execute(_RECORD, user_id, name, keys)


async def free_former(database: Database) -> None:
    await database.execute(_FREE_FORMER)


async def free_all(connection: Connection, user_ids: Sequence[UserId]) -> None:
    """Free the current and former names of users who are removed, and forget which they were."""
    await connection.execute(_FREE_ALL, user_ids)
    await connection.execute(_FORGET_CHANGES, user_ids)


async def exported_changes(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)
