"""SQL of sessions: a row each, from sign-in until the session ends or its last token expires."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from control_plane.accounts.caller import Role, SessionKey, Use
from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_within
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

MOST_SESSIONS = 100
"""Open sessions of one user; one more ends the oldest. Their ids are read with the user's session state: more make each
read slower, fewer sign out people with many devices."""

_STATE = """
    select session_salt as salt, role, banned_at is not null as banned,
        array(select session_id from session where user_id = $1) as open
    from app_user where id = $1 and deleted_at is null
"""
_OPEN = """
    with owner as (select id, session_salt, banned_at is not null as banned from app_user
        where id = $1 and deleted_at is null for no key update
    ), opened as (
        insert into session (user_id, session_id, created_at, expires_at, last_used_at, address, country, app, device, device_token)
        select id, $2, $3, $4, $3, $5, $6, $7, $8, $9 from owner where not banned
    ), ended as (
        delete from session using owner where user_id = owner.id and (expires_at <= $3 or session_id in (
            select session_id from session where user_id = $1 order by created_at desc, session_id offset $10))
    )
    select session_salt as salt, banned from owner
"""
"""Locks the user, so that a ban or a revocation at the same time either prevents the session or ends it. Sign-ins of a
user at the same moment do not see each other's sessions, so that they can be a few more than MOST_SESSIONS until the
next one."""
_RENEW = """
    update session set expires_at = $4 from app_user
    where user_id = $1 and session_id = $2 and id = user_id and session_salt = $3 returning true
"""
_LOCK_OWNER = "select true from app_user where id = $1 for no key update"
_END = "delete from session where user_id = $1 and session_id = $2 returning device_token"
_END_OTHERS = "delete from session where user_id = $1 and session_id <> $2 returning device_token"
# A phone on which the user signed in again has an open session.
_FORGET_DEVICES = """
    with ended as (
        select token from unnest($2::text[]) as token
        where not exists (select from session where user_id = $1 and device_token = token)
    ), released as (
        update device set user_id = null from ended where user_id = $1 and device.token = ended.token
    )
    update app_user set device_token = '' from ended where id = $1 and device_token = ended.token
"""
# Also those of old app builds, which are signed in without a session.
_FORGET_EVERY_DEVICE = """
    with released as (update device set user_id = null where user_id = $1)
    update app_user set device_token = '' where id = $1 and device_token <> ''
"""
_END_EVERY = "delete from session"
_NEW_SALTS = "update app_user set session_salt = substring(uuid_send(gen_random_uuid()) for 6)"
_DELETE_EXPIRED = """
    delete from session where ctid = any (array(select ctid from session where expires_at <= $1 limit $2))
"""
_OF = """
    select session_id, created_at, last_used_at, address, country, app, device from session
    where user_id = $1 and expires_at > $2 order by last_used_at desc, session_id
"""
_EXPORT = """
    select created_at, last_used_at, expires_at, address, country, app, device from session
    where user_id = $1 order by created_at desc
"""
_USED = """
    with used as (
        select * from unnest($1::integer[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
            as used (user_id, session_id, used_at, address, country, app, device)
    ), free as (
        select session.user_id, session.session_id from session join used using (user_id, session_id)
        where last_used_at < used_at for update of session skip locked
    )
    update session set last_used_at = used_at, address = used.address, country = used.country, app = used.app, device = used.device
    from used join free using (user_id, session_id)
    where session.user_id = used.user_id and session.session_id = used.session_id
"""
"""Rows that another process writes at this moment are skipped: waiting for them in another order could deadlock."""


class SessionState(NamedTuple):
    """What decides whether a user's tokens are valid."""

    salt: bytes
    role: Role
    banned: bool
    open: frozenset[str]
    """Ids of the open sessions."""


class Opened(NamedTuple):
    salt: bytes
    banned: bool
    """Then no session was opened."""


class Session(msgspec.Struct, frozen=True):
    session_id: str
    created_at: dt.datetime
    last_used_at: dt.datetime
    address: str
    country: str
    app: str
    device: str


async def session_state(database: Database, user_id: UserId) -> SessionState | None:
    row = await database.fetchrow(_STATE, user_id)
    if row is None:
        return None
    return SessionState(row["salt"], Role(row["role"]), row["banned"], frozenset(row["open"]))


async def open_session(
    database: Database, key: SessionKey, now: dt.datetime, expires_at: dt.datetime, use: Use, device_token: str
) -> Opened | None:
    """None: there is no such user."""
    used = (use.address, use.country, use.app, use.device)
    row = await database.fetchrow(_OPEN, *key, now, expires_at, *used, device_token, MOST_SESSIONS - 1)
    return None if row is None else Opened(row["salt"], row["banned"])


async def renew(database: Database, key: SessionKey, salt: bytes, expires_at: dt.datetime) -> bool:
    """False: the session has ended."""
    return bool(await database.fetchval(_RENEW, *key, salt, expires_at))


async def end_session(connection: Connection, key: SessionKey) -> bool:
    """False: there is no such session."""
    ended = [row["device_token"] for row in await connection.fetch(_END, *key)]
    await _ended(connection, key.user_id, ended)
    return bool(ended)


async def end_sessions(connection: Connection, user_id: UserId, besides: str = "") -> int | None:
    """End the sessions of the user, except `besides`, and return their number. None: there is no such user."""
    if not await connection.fetchval(_LOCK_OWNER, user_id):
        return None
    # A statement of its own: it has to see a session that was opened while we waited for the lock.
    ended = [row["device_token"] for row in await connection.fetch(_END_OTHERS, user_id, besides)]
    if not besides:
        await connection.execute(_FORGET_EVERY_DEVICE, user_id)
    await _ended(connection, user_id, ended)
    return len(ended)


async def _ended(connection: Connection, user_id: UserId, device_tokens: Sequence[str]) -> None:
    """Nothing is pushed to a phone that was signed out."""
    if tokens := [token for token in device_tokens if token]:
        await connection.execute(_FORGET_DEVICES, user_id, tokens)
    await notify_within(connection, Topic.USER, user_id)


async def end_every_session(connection: Connection) -> int:
    """End the sessions of all users and return the number of users. The new salts keep tokens invalid whose sessions a
    restored backup does not know. Notifies no process: call it only while no server runs or before the server has
    loaded its tables."""
    await connection.execute(_END_EVERY)
    return int((await connection.execute(_NEW_SALTS)).split()[-1])


async def sessions_of(source: Database | Connection, user_id: UserId, now: dt.datetime) -> list[Session]:
    """Open sessions, the one that was used last first."""
    return [Session(**row) for row in await source.fetch(_OF, user_id, now)]


async def record_uses(database: Database, uses: Mapping[SessionKey, tuple[dt.datetime, Use]]) -> None:
    await database.execute(
        _USED,
        [key.user_id for key in uses],
        [key.session_id for key in uses],
        [at for at, _ in uses.values()],
        [use.address for _, use in uses.values()],
        [use.country for _, use in uses.values()],
        [use.app for _, use in uses.values()],
        [use.device for _, use in uses.values()],
    )


async def delete_expired(database: Database, now: dt.datetime, limit: int) -> int:
    return int((await database.execute(_DELETE_EXPIRED, now, limit)).split()[-1])


async def exported_sessions(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id)


async def change(connection: Connection, user_id: UserId, statement: str, *values: object) -> bool:
    """Change what sessions depend on in the user's row, and notify every process. `statement` returns the id. False: no row
    matched."""
    if await connection.fetchval(statement, user_id, *values) is None:
        return False
    await notify_within(connection, Topic.USER, user_id)
    return True
