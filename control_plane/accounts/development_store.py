"""SQL that takes accounts of a development database over to production."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.accounts import usernames_store
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection

_DEMO_PEOPLE = "select user_id from user_identity where provider = 'demo' order by user_id"
_REMOVE = """
    update app_user set username = 'removed.' || id || '.' || substring(encode(uuid_send(gen_random_uuid()), 'hex') for 8),
        first_name = '', last_name = '', email = null, phone = null, password_hash = null, bio = '', website = '', city = '',
        country = '', dob = null, verified = false, banned_at = coalesce(banned_at, now()), banned_until = null
    where id = any($1::integer[])
"""
_LOCK_UNPROVEN = """
    update app_user set email = null, phone = null, password_hash = null, social = '', social_id = ''
    where created_at >= $1 and banned_at is null and not exists (
        select from audit_log where subject = 'user:' || app_user.id and act = 'user.added')
"""
_FORGET_UNPROVEN = "delete from user_identity where created_at >= $1 or provider in ('dev', 'uid', 'demo')"
_DEMOTE = "update app_user set role = 'user' where role = 'operator' returning username"
_CLEAR_FOREIGN_PICTURES = "update app_user set profile_pic = '' where profile_pic ~* '^https?://'"


async def remove_demo_people(connection: Connection) -> Sequence[UserId]:
    """Ban the demo users and free their names. Their rows stay, because the ledger refers to them."""
    people = [UserId(row["user_id"]) for row in await connection.fetch(_DEMO_PEOPLE)]
    await connection.execute(_REMOVE, people)
    await usernames_store.free_all(connection, people)
    return people


async def lock_unproven(connection: Connection, since: dt.datetime) -> int:
    """Remove unproven data from accounts that signed up since `since`: identities, email, phone and password. Returns
    the number of accounts. Accounts that an operator added keep their data, except identities added since `since`."""
    locked = await connection.execute(_LOCK_UNPROVEN, since)
    await connection.execute(_FORGET_UNPROVEN, since)
    return int(locked.split()[-1])


async def demote_operators(connection: Connection) -> Sequence[str]:
    """Make every operator an ordinary user; returns their usernames."""
    return sorted(row["username"] for row in await connection.fetch(_DEMOTE))


async def clear_foreign_pictures(connection: Connection) -> int:
    """Clear profile pictures that are URLs of other servers, which development mode accepts. Returns their number."""
    return int((await connection.execute(_CLEAR_FOREIGN_PICTURES)).split()[-1])
