"""Phones with the app: their install ids, and the tokens by which their push service reaches them.

A device belongs to the last user who signed in on it. No network address and no location is stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

LONGEST_KEY, LONGEST_TOKEN, LONGEST_VERSION = 255, 512, 64
"""Characters. Tokens of push services have up to 300. PostgreSQL refuses an index row of more than 2704 bytes."""
NO_TOKEN = {"", "0", "null", "(null)", "nil"}
"""What the apps send while the push service has given them no token."""

_REGISTER = """
    with known as (
        update device set seen_at = now(), app = $2, language = $3 where key = $1 returning id, key, created_at
    ), added as (
        insert into device (key, app, language) select $1, $2, $3 where not exists (select from known)
        on conflict (key) do update set seen_at = excluded.seen_at
        returning id, key, created_at
    )
    select * from known union all select * from added
"""
_KEEP = """
    with known as (update device set seen_at = now() where token = $1 returning id)
    insert into device (token) select $1 where not exists (select from known)
    on conflict (token) do update set seen_at = excluded.seen_at
"""
_CLAIM = """
    with known as (
        update device set user_id = $1, app = $3, version = $4, language = $5, seen_at = now() where token = $2 returning id
    ), added as (
        insert into device (user_id, token, app, version, language) select $1, $2, $3, $4, $5 where not exists (select from known)
        on conflict (token) do update set user_id = excluded.user_id, app = excluded.app, version = excluded.version,
            language = excluded.language, seen_at = excluded.seen_at
    ), session_of_the_phone as (
        update session set device_token = $2 where user_id = $1 and session_id = $6 and device_token <> $2
    ), holder as (
        select id from app_user where id = $1 or (device_token = $2 and device_token <> '') order by id for no key update
    )
    update app_user set device_token = case when id = $1 then $2 else '' end
    where id in (select id from holder) and (id <> $1 or device_token <> $2)
"""
_FORGET = "delete from device where user_id = $1"
_EXPORT = """
    select key, token as push_token, app, version, language, created_at, seen_at from device where user_id = $1 order by id desc
"""
_FORGET_UNPROVEN = """
    with gone as (delete from device where seen_at >= $1 returning token)
    update app_user set device_token = '' where device_token in (select token from gone)
"""
_FORGET_DEAD = """
    with gone as (
        delete from device where token = any($1::text[]) and key is null
    ), kept as (
        update device set token = null where token = any($1) and key is not null
    )
    update app_user set device_token = '' from unnest($1) as dead (token)
    where device_token = dead.token and device_token <> ''
"""
_DELETE_UNSEEN = "delete from device where seen_at < now() - $1::interval"


@dataclass(frozen=True, slots=True)
class Device:
    id: int
    key: str
    created_at: dt.datetime


def push_token(sent: str) -> str:
    """The token that an app sent; "" if it is none."""
    return "" if sent in NO_TOKEN else sent


async def register(database: Database, key: str, app: str, language: str) -> Device:
    """The device with this install id, which is created at its first call."""
    row = await database.fetchrow(_REGISTER, key, app, language)
    return Device(**present(row, "a device is known or added"))


async def keep_token(database: Database, token: str) -> None:
    """A guest's token. Its owner stays the last user who signed in on the device."""
    await database.execute(_KEEP, token)


async def claim(
    database: Database, user_id: UserId, token: str, app: str, version: str, language: str, session_id: str = ""
) -> None:
    """The user signed in on the device with this token: from now on it is this user's and no other's, until the session
    ends."""
    await database.execute(_CLAIM, user_id, token, app, version, language, session_id)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)


async def exported(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)


async def forget_unproven(connection: Connection, since: dt.datetime) -> None:
    """Delete the devices used since `since`, when anyone could claim one for any user. A sign-in claims it again."""
    await connection.execute(_FORGET_UNPROVEN, since)


async def forget_dead_tokens(connection: Connection, tokens: Sequence[str]) -> None:
    """The push service does not know these tokens any more."""
    await connection.execute(_FORGET_DEAD, tokens)


async def delete_unseen(database: Database, since: dt.timedelta) -> None:
    """Delete the devices that made no call for this time."""
    await database.execute(_DELETE_UNSEEN, since)
