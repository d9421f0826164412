"""SQL of passwords and of the attempts to enter them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.accounts.contacts_store import contacts_in
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database, Row
from control_plane.delivery.contacts import Contact

_SELECT = "select id, username, email, phone, password_hash from app_user"
_BY_NAME = f"""
    {_SELECT}
    where lower(email) = nullif($1, '') or phone = nullif($2, '') or lower(username) = nullif($3, '')
"""
_BY_ID = f"{_SELECT} where id = $1"
_REHASH = "update app_user set password_hash = $3 where id = $1 and password_hash = $2"
_COUNTS = """
    with known as (
        select origin from password_attempt
        where account = $1 and not failed and created_at > $3::timestamptz - interval '90 days'
    ), of_account as (
        select origin, created_at from password_attempt
        where account = $1 and failed and created_at > $3::timestamptz - interval '1 hour'
    )
    select exists (select from known where origin = $2) as known,
        (select count(*) from of_account where origin = $2 and created_at > $3::timestamptz - interval '15 minutes') as here,
        (select count(*) from of_account where origin not in (select origin from known)) as elsewhere,
        (select count(*) from password_attempt
            where origin = $2 and failed and created_at > $3::timestamptz - interval '1 hour') as origin
"""
_ADD = "insert into password_attempt (account, origin, created_at) values ($1, $2, $3) returning id"
_SUCCEEDED = """
    with earlier as (delete from password_attempt where account = $2 and origin = $3 and id <> $1)
    update password_attempt set failed = false where id = $1
"""
_FORGET = """
    delete from password_attempt where account in (
        select sha256(convert_to(name, 'UTF8')) from app_user, unnest(array[
            'name ' || lower(email), 'name ' || phone, 'name ' || lower(username), 'user ' || id
        ]) as name
        where id = $1 and name is not null
    )
"""
_DELETE = "delete from password_attempt where created_at < case when failed then $1::timestamptz else $2 end and created_at < $1"


@dataclass(frozen=True, slots=True)
class Holder:
    """A user, as far as passwords are concerned."""

    id: UserId
    username: str
    contacts: list[Contact]
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Failed attempts."""

    known: bool
    """This address has signed in to this account before."""
    here: int
    """For this account from this address, in 15 minutes."""
    elsewhere: int
    """For this account from all addresses that have not signed in to it before, in an hour."""
    origin: int
    """From this address for all accounts, in an hour."""


def _holder(row: Row | None) -> Holder | None:
    return None if row is None else Holder(row["id"], row["username"], contacts_in(row), row["password_hash"])


async def by_name(database: Database, *, email: str, phone: str, username: str) -> Holder | None:
    """Exactly one of the three is not empty. Email address and username are in lower case."""
    return _holder(await database.fetchrow(_BY_NAME, email, phone, username))


async def by_id(database: Database, user_id: UserId) -> Holder | None:
    return _holder(await database.fetchrow(_BY_ID, user_id))


async def rehash(database: Database, user_id: UserId, old: str, new: str) -> None:
    """No effect if the password was changed meanwhile."""
    await database.execute(_REHASH, user_id, old, new)


async def lock_and_count(connection: Connection, account: bytes, origin: str, now: dt.datetime) -> Counts:
    """Until the transaction ends, no other one passes here for the same account or the same origin. `account`: a hash of
    the name that was typed."""
    await lock_names(connection, f"password of {account.hex()}", f"passwords from {origin}")
    row = await connection.fetchrow(_COUNTS, account, origin, now)
    assert row is not None, "an aggregate has one row"
    return Counts(**row)


async def add(connection: Connection, account: bytes, origin: str, now: dt.datetime) -> int:
    attempt_id: int = await connection.fetchval(_ADD, account, origin, now)
    return attempt_id


async def succeeded(database: Database, attempt_id: int, account: bytes, origin: str) -> None:
    """The address is known for the account, and its failures no longer count."""
    await database.execute(_SUCCEEDED, attempt_id, account, origin)


async def delete_older(database: Database, failures: dt.datetime, successes: dt.datetime) -> None:
    await database.execute(_DELETE, failures, successes)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """Delete the attempts with the names of a user who is about to be removed. The names are those that `Passwords` counts
    by."""
    await connection.execute(_FORGET, user_id)
