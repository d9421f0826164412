"""SQL of the deletion of accounts: in steps, with a way back, and the removal for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.accounts import devices, session_store, usernames_store
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_ASK = "update app_user set deletion_asked_at = $2 where id = $1"
_ASKED = "select deletion_asked_at from app_user where id = $1 and deleted_at is null for no key update"
_DELETE = """
    update app_user set deleted_at = $2, deletion_asked_at = null, device_token = ''
    where id = $1 and deleted_at is null returning id
"""
_BRING_BACK = """
    update app_user set deleted_at = null
    where id = $1 and deleted_at is not null and removed_at is null and banned_at is null returning true
"""
_STATE_OF_DELETED = """
    select banned_at is not null as banned from app_user where id = $1 and deleted_at is not null and removed_at is null
"""
_TO_REMOVE = """
    select id from app_user where deleted_at < $1 and removed_at is null and id > $2
        and not exists (select from payout_request where user_id = app_user.id and state in ('requested', 'approved'))
    order by id limit $3
"""
"""A user with an open payout is removed when it is paid or rejected: the file for the bank needs the address."""
_LOCK_TO_REMOVE = "select true from app_user where id = $1 and deleted_at < $2 and removed_at is null for update"
_FORGET = """
    update app_user set removed_at = now(), username = 'deleted.' || id || case when exists (
            select from app_user other where lower(other.username) = 'deleted.' || app_user.id and other.id <> app_user.id)
            then '.' || substring(encode(uuid_send(gen_random_uuid()), 'hex') for 8) else '' end,
        first_name = '', last_name = '', gender = '', bio = '', website = '', dob = null, email = null, phone = null,
        password_hash = null, social = '', social_id = '', profile_pic = '', role = 'user', verified = false,
        private = false, profile_view = false, country = '', city = '', paypal = '', referral_code = '', device_token = ''
    where id = $1
"""
_FORGET_IDENTITIES = "delete from user_identity where user_id = $1"
_FORGET_PUSH_SETTING = "delete from push_setting where user_id = $1"
_FORGET_PRIVACY_SETTING = "delete from privacy_setting where user_id = $1"


async def asked_to_delete(connection: Connection, user_id: UserId) -> dt.datetime | None:
    """When the user was told what a deletion loses. Locks the user. None: not yet. Raises UserNotFound."""
    row = await connection.fetchrow(_ASKED, user_id)
    if row is None:
        raise UserNotFound
    asked_at: dt.datetime | None = row["deletion_asked_at"]
    return asked_at


async def ask_before_deletion(connection: Connection, user_id: UserId, now: dt.datetime) -> None:
    await connection.execute(_ASK, user_id, now)


async def delete(connection: Connection, user_id: UserId, now: dt.datetime) -> bool:
    """Make the user invisible and end every session. False: the user is deleted already, or does not exist."""
    if await connection.fetchval(_DELETE, user_id, now) is None:
        return False
    await session_store.end_sessions(connection, user_id)
    await devices.forget_person(connection, user_id)
    return True


async def bring_back(database: Database, user_id: UserId) -> bool:
    """Undo a deletion. False: the user is not deleted, banned, removed for good, or does not exist."""
    return bool(await database.fetchval(_BRING_BACK, user_id))


async def is_deleted_and_banned(database: Database, user_id: UserId) -> bool:
    return bool(await database.fetchval(_STATE_OF_DELETED, user_id))


async def to_remove(database: Database, deleted_before: dt.datetime, after: UserId, limit: int) -> Sequence[UserId]:
    """Users to remove for good, with ids above `after`."""
    return [UserId(row["id"]) for row in await database.fetch(_TO_REMOVE, deleted_before, after, limit)]


async def lock_to_remove(connection: Connection, user_id: UserId, deleted_before: dt.datetime) -> bool:
    """Lock the user until the end of the transaction. False: the user was brought back, or is removed."""
    return bool(await connection.fetchval(_LOCK_TO_REMOVE, user_id, deleted_before))


async def remove(connection: Connection, user_id: UserId) -> None:
    """Forget the person. The row stays under a name that tells nothing, because the ledger refers to it."""
    for statement in (_FORGET, _FORGET_IDENTITIES, _FORGET_PUSH_SETTING, _FORGET_PRIVACY_SETTING):
        await connection.execute(statement, user_id)
    await session_store.end_sessions(connection, user_id)
    await usernames_store.free_all(connection, [user_id])
