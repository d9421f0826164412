"""SQL of payouts: addresses and requests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.ledger.account import TransferId
from control_plane.payouts.model import AlreadyRequested, Details, Method, Payout, Sealed, State

_USER = "select dob, banned_at, deleted_at from app_user where id = $1"
_LOCK_USER = _USER + " for share"
_DETAILS = """
    select id, user_id, method, sealed, key_id, shown, created_at, changed_at from payout_detail where user_id = $1
"""
_DETAILS_OF = """
    select id, user_id, method, sealed, key_id, shown, created_at, changed_at from payout_detail
    where user_id = any($1::integer[])
"""
_LOCK_DETAILS = _DETAILS + " for share"
_ADD_DETAILS = """
    insert into payout_detail (user_id, method, sealed, key_id, shown, created_at) values ($1, $2, $3, $4, $5, $6)
    returning id, user_id, method, sealed, key_id, shown, created_at, changed_at
"""
_CHANGE_DETAILS = """
    update payout_detail set method = $2, sealed = $3, key_id = $4, shown = $5, changed_at = $6 where user_id = $1
    returning id, user_id, method, sealed, key_id, shown, created_at, changed_at
"""
_COLUMNS = """
    id, user_id, coins, cash_per_coin, amount, currency, method, shown, state, created_at, approved_at, approved_by,
    exported_at, ended_at, reason, bank_reference
"""
_GET = f"select {_COLUMNS} from payout_request where id = $1"
_LOCK = _GET + " for update"
_BY_TRANSFER = f"select {_COLUMNS} from payout_request where transfer_id = $1"
_OF_TRANSFERS = f"""
    select transfer_id as moved_by, {_COLUMNS} from payout_request where transfer_id = any($1::bigint[])
    union all
    select end_id as moved_by, {_COLUMNS} from payout_request where end_id = any($1::bigint[])
"""
_OPEN_OF = f"select {_COLUMNS} from payout_request where user_id = $1 and state in ('requested', 'approved')"
_OF_USER = f"select {_COLUMNS} from payout_request where user_id = $1 order by id desc limit $2 offset $3"
_ADD = f"""
    insert into payout_request (user_id, coins, cash_per_coin, amount, currency, method, sealed, key_id, shown, transfer_id,
        created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning {_COLUMNS}
"""
_WAITING = f"""
    select {_COLUMNS} from payout_request where state in ('requested', 'approved') order by id limit $1
"""
_LATEST = f"select {_COLUMNS} from payout_request order by id desc limit $1"
_LATEST_IN = f"select {_COLUMNS} from payout_request where state = $2 order by id desc limit $1"
_ADDRESS = "select method, sealed, key_id, shown from payout_request where id = $1"
_ADDRESSES = """
    select id, method, sealed, key_id, shown from payout_request where id = any($1::integer[]) and sealed is not null
"""
_APPROVE = f"""
    update payout_request set state = 'approved', approved_at = $2, approved_by = $3 where id = $1 returning {_COLUMNS}
"""
_END = f"""
    update payout_request set state = $2, end_id = $3, ended_at = $4, reason = $5, bank_reference = $6
    where id = $1 returning {_COLUMNS}
"""
# A row that a decision or another file changed while the lock was waited for is left out.
_LOCK_TO_EXPORT = f"""
    select {_COLUMNS} from payout_request
    where id > $1 and state = 'approved' and exported_at is null order by id limit $2 for update
"""
_EXPORTED = "update payout_request set exported_at = $2 where id = any($1::integer[])"
_BACKLOG = """
    select count(*) as payouts, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest_s,
        coalesce(sum(coins), 0)::bigint as coins
    from payout_request where state in ('requested', 'approved')
"""
_OLD_DETAILS = """
    select user_id, method, sealed, key_id, shown from payout_detail
    where key_id < $1 or key_id > $1 order by key_id, user_id limit $2 offset $3
"""
_OLD_REQUESTS = """
    select id, user_id, method, sealed, key_id, shown from payout_request
    where sealed is not null and (key_id < $1 or key_id > $1) order by key_id, id limit $2 offset $3
"""
_RESEAL_DETAILS = "update payout_detail set sealed = $3, key_id = $4 where user_id = $1 and sealed = $2"
_RESEAL_REQUEST = "update payout_request set sealed = $3, key_id = $4 where id = $1 and sealed = $2"
_KEYS = """
    with recursive key as (
        (select key_id from payout_detail order by key_id limit 1)
        union all
        select (select key_id from payout_detail where key_id > key.key_id order by key_id limit 1) from key
        where key.key_id is not null
    ), request_key as (
        (select key_id from payout_request where sealed is not null order by key_id limit 1)
        union all
        select (select key_id from payout_request where sealed is not null and key_id > request_key.key_id
            order by key_id limit 1) from request_key
        where request_key.key_id is not null
    )
    select key_id from key where key_id is not null union select key_id from request_key where key_id is not null
"""
"""One look at the index per key."""
_FORGET_DETAILS = "delete from payout_detail where user_id = $1"
_FORGET_SINCE = "delete from payout_detail where coalesce(changed_at, created_at) >= $1"
_FORGET_ADDRESSES = "update payout_request set sealed = null, key_id = null, shown = '' where user_id = $1"
_EXPORT_DETAILS = "select method, shown, created_at, changed_at from payout_detail where user_id = $1"
_EXPORT = """
    select id, coins, cash_per_coin::text as cash_per_coin, amount::text as amount, currency, method, shown, state, created_at,
        approved_at, ended_at, reason, bank_reference
    from payout_request where user_id = $1 and id < $2::bigint order by id desc limit $3
"""


class Requester(NamedTuple):
    dob: dt.date | None
    banned: bool
    deleted: bool


class Backlog(NamedTuple):
    payouts: int
    oldest_s: float
    """Age of the oldest open request."""
    coins: int


def _details(row: Row) -> Details:
    return Details(row["id"], row["user_id"], _sealed(row), row["created_at"], row["changed_at"])


def _sealed(row: Row) -> Sealed:
    return Sealed(Method(row["method"]), row["sealed"], row["key_id"], row["shown"])


def _payout(row: Row | dict[str, Any]) -> Payout:
    return Payout(**{**row, "method": Method(row["method"]), "state": State(row["state"])})


async def requester(connection: Connection, user_id: UserId) -> Requester | None:
    """The user, who is neither banned nor deleted until the transaction ends."""
    row = await connection.fetchrow(_LOCK_USER, user_id)
    return None if row is None else Requester(row["dob"], bool(row["banned_at"]), bool(row["deleted_at"]))


async def details(source: Connection | Database, user_id: UserId) -> Details | None:
    row = await source.fetchrow(_DETAILS, user_id)
    return None if row is None else _details(row)


async def details_of(connection: Connection, user_ids: Sequence[UserId]) -> dict[UserId, Details]:
    """Those of the users who have some."""
    return {row["user_id"]: _details(row) for row in await connection.fetch(_DETAILS_OF, user_ids)}


async def lock_details(connection: Connection, user_id: UserId) -> Details | None:
    """The details, which no other transaction changes until this one ends."""
    row = await connection.fetchrow(_LOCK_DETAILS, user_id)
    return None if row is None else _details(row)


async def set_details(
    connection: Connection, user_id: UserId, address: Sealed, now: dt.datetime, *, first: bool
) -> Details:
    """The caller holds a lock on the user's row."""
    statement = _ADD_DETAILS if first else _CHANGE_DETAILS
    values = (address.method.value, address.sealed, address.key_id, address.shown)
    [row] = await connection.fetch(statement, user_id, *values, now)
    return _details(row)


async def get(source: Connection | Database, payout_id: int) -> Payout | None:
    row = await source.fetchrow(_GET, payout_id)
    return None if row is None else _payout(row)


async def lock(connection: Connection, payout_id: int) -> Payout | None:
    row = await connection.fetchrow(_LOCK, payout_id)
    return None if row is None else _payout(row)


async def by_transfer(connection: Connection, transfer_id: TransferId) -> Payout | None:
    row = await connection.fetchrow(_BY_TRANSFER, transfer_id)
    return None if row is None else _payout(row)


async def of_transfers(database: Database, transfer_ids: Sequence[TransferId]) -> dict[TransferId, Payout]:
    """The payouts that these transfers reserved or ended."""
    rows = [dict(row) for row in await database.fetch(_OF_TRANSFERS, transfer_ids)]
    return {row.pop("moved_by"): _payout(row) for row in rows}


async def open_of(source: Connection | Database, user_id: UserId) -> Payout | None:
    row = await source.fetchrow(_OPEN_OF, user_id)
    return None if row is None else _payout(row)


async def of_user(database: Database, user_id: UserId, limit: int, offset: int) -> Sequence[Payout]:
    """Newest first."""
    return [_payout(row) for row in await database.fetch(_OF_USER, user_id, limit, offset)]


async def add(
    connection: Connection,
    user_id: UserId,
    coins: int,
    cash_per_coin: Decimal,
    amount: Decimal,
    currency: str,
    address: Sealed,
    transfer_id: TransferId,
    now: dt.datetime,
) -> Payout:
    """Raises AlreadyRequested."""
    terms = (coins, cash_per_coin, amount, currency)
    to = (address.method.value, address.sealed, address.key_id, address.shown)
    try:
        [row] = await connection.fetch(_ADD, user_id, *terms, *to, transfer_id, now)
    except asyncpg.UniqueViolationError:
        raise AlreadyRequested from None
    return _payout(row)


async def waiting(source: Connection | Database, limit: int) -> Sequence[Payout]:
    """Open ones, oldest first."""
    return [_payout(row) for row in await source.fetch(_WAITING, limit)]


async def latest(database: Database, limit: int, state: State | None = None) -> Sequence[Payout]:
    rows = database.fetch(_LATEST, limit) if state is None else database.fetch(_LATEST_IN, limit, state.value)
    return [_payout(row) for row in await rows]


async def address_of(source: Connection | Database, payout_id: int) -> Sealed | None:
    """The encrypted address of a request. None: the user is removed."""
    row = await source.fetchrow(_ADDRESS, payout_id)
    return None if row is None or row["sealed"] is None else _sealed(row)


async def addresses_of(connection: Connection, payout_ids: Sequence[int]) -> dict[int, Sealed]:
    """As `address_of`; without the requests of removed users."""
    return {row["id"]: _sealed(row) for row in await connection.fetch(_ADDRESSES, payout_ids)}


async def approve(connection: Connection, payout_id: int, actor: str, now: dt.datetime) -> Payout:
    [row] = await connection.fetch(_APPROVE, payout_id, now, actor)
    return _payout(row)


async def end(
    connection: Connection,
    payout_id: int,
    state: State,
    transfer_id: TransferId,
    now: dt.datetime,
    *,
    reason: str = "",
    bank_reference: str = "",
) -> Payout:
    [row] = await connection.fetch(_END, payout_id, state.value, transfer_id, now, reason, bank_reference)
    return _payout(row)


async def lock_to_export(connection: Connection, after: int, limit: int) -> list[Payout]:
    """Lock approved requests that no file has yet, in the order of their ids."""
    return [_payout(row) for row in await connection.fetch(_LOCK_TO_EXPORT, after, limit)]


async def exported(connection: Connection, payout_ids: Sequence[int], now: dt.datetime) -> None:
    await connection.execute(_EXPORTED, payout_ids, now)


async def backlog(database: Database) -> Backlog:
    [row] = await database.fetch(_BACKLOG)
    return Backlog(**row)


async def old_details(database: Database, key_id: str, limit: int, offset: int) -> list[tuple[UserId, Sealed]]:
    """Addresses that another secret than this one encrypted."""
    return [(row["user_id"], _sealed(row)) for row in await database.fetch(_OLD_DETAILS, key_id, limit, offset)]


async def old_requests(database: Database, key_id: str, limit: int, offset: int) -> list[tuple[int, UserId, Sealed]]:
    rows = await database.fetch(_OLD_REQUESTS, key_id, limit, offset)
    return [(row["id"], row["user_id"], _sealed(row)) for row in rows]


async def reseal_details(database: Database, user_id: UserId, old: Sealed, new: Sealed) -> None:
    """No effect if the address was changed meanwhile."""
    await database.execute(_RESEAL_DETAILS, user_id, old.sealed, new.sealed, new.key_id)


async def reseal_request(database: Database, payout_id: int, old: Sealed, new: Sealed) -> None:
    await database.execute(_RESEAL_REQUEST, payout_id, old.sealed, new.sealed, new.key_id)


async def keys_in_use(database: Database) -> set[str]:
    """Ids of the secrets that addresses are encrypted with."""
    return {row["key_id"] for row in await database.fetch(_KEYS)}


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """Delete the addresses. The requests stay, because the ledger refers to them."""
    await connection.execute(_FORGET_DETAILS, user_id)
    await connection.execute(_FORGET_ADDRESSES, user_id)


async def forget_addresses_since(connection: Connection, since: dt.datetime) -> None:
    """Delete the addresses that were set since this time."""
    await connection.execute(_FORGET_SINCE, since)


async def exported_details(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT_DETAILS, user_id)


async def exported_payouts(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)
