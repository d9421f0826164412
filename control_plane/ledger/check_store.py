"""SQL of the check of the ledger: what disagrees in a range of transfers, entries or accounts, and the results of checks.

Each statement has a snapshot of its own, and needs no other: the entries of a transfer and the balances that they change
become visible together, and entries of one account in the order of their ids, because its row is locked meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger.transfers import Operation

_POSITION = """
    select coalesce((select max(id) from ledger_entry), 0) as entry_id,
        coalesce((select max(id) from ledger_transfer), 0) as transfer_id,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xid
"""
_OLDEST = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_LAST_ACCOUNT = "select coalesce(max(id), 0) from ledger_account"
_TRANSFERS = """
    select transfer.id, transfer.operation, count(entry.id) as entries, coalesce(sum(entry.amount), 0)::bigint as sum
    from ledger_transfer transfer left join ledger_entry entry on entry.transfer_id = transfer.id
    where transfer.id > $1 and transfer.id <= $2
    group by transfer.id having count(entry.id) = 0 or sum(entry.amount) <> 0
    order by transfer.id
"""
_TRIAL_BALANCE = """
    select account.owner_id is not null as of_users, account.kind, sum(entry.amount)::bigint as coins
    from ledger_entry entry join ledger_account account on account.id = entry.account_id
    where entry.transfer_id > $1 and entry.transfer_id <= $2
    group by 1, 2
"""
_STRANGE = """
    select entry.id, transfer.id as transfer_id, transfer.operation, entry.amount, account.id as account_id, account.owner_id, account.kind
    from ledger_transfer transfer
    join ledger_entry entry on entry.transfer_id = transfer.id
    join ledger_account account on account.id = entry.account_id
    where transfer.id > $1 and transfer.id <= $2 and transfer.operation = any ($3::text[]) and transfer.operation || ' '
        || case when account.owner_id is null then 'system' when account.owner_id = transfer.user_id then 'own' else 'other' end
        || case when entry.amount < 0 then '-' else '+' end || account.kind <> all ($4::text[])
    order by entry.id
"""
_ENTRIES = """
    select entry.id, entry.amount, entry.balance_after, account.id as account_id, account.owner_id, account.kind, before.balance_after as before
    from ledger_entry entry
    join ledger_account account on account.id = entry.account_id
    left join lateral (
        select balance_after from ledger_entry earlier
        where account.owner_id is not null and earlier.account_id = entry.account_id and earlier.id < entry.id
        order by earlier.id desc limit 1
    ) as before on true
    where entry.id > $1 and entry.id <= $2
        and case when account.owner_id is null then entry.balance_after is not null
            else entry.balance_after is distinct from coalesce(before.balance_after, 0) + entry.amount end
    order by entry.id
"""
_BALANCES = """
    select account.id, account.owner_id, account.kind, account.balance, newest.balance_after as derived
    from ledger_account account
    left join lateral (
        select balance_after from ledger_entry
        where account.owner_id is not null and account_id = account.id order by id desc limit 1
    ) as newest on true
    where {which} and case when account.owner_id is null then account.balance is not null
        else account.balance is distinct from coalesce(newest.balance_after, 0)
            or account.balance <> 0 and (account.balance < 0) <> (account.kind = 'debt') end
    order by account.id
"""
_BALANCES_OF_RANGE = _BALANCES.format(which="account.id > $1 and account.id <= $2")
_BALANCES_OF_ENTRIES = _BALANCES.format(
    which="account.id = any (array(select distinct account_id from ledger_entry where id > $1 and id <= $2))"
)
_RECORD = """
    insert into ledger_check (kind, entry_id, transfer_id, differences, found) values ($1, $2, $3, $4, $5)
    on conflict (kind) do update set entry_id = excluded.entry_id, transfer_id = excluded.transfer_id,
        checked_at = now(), differences = excluded.differences, found = excluded.found
"""
_CHECKED = "select entry_id, transfer_id from ledger_check order by entry_id desc limit 1"
_LATEST = "select kind, checked_at, differences, found from ledger_check order by kind"


_MAY_MOVE: Mapping[Operation, str] = {
    Operation.GIFT: "own-reward own-bought own-earned other+earned other+reward system+commission",
    Operation.PURCHASE: "system-store own+bought own+debt",
    Operation.REFUND: "own-bought own-earned own-reward own-debt system+store "
    "system-store own+bought own+earned own+reward own+debt",
    Operation.REWARD: "system-reward own+reward",
    Operation.PAYOUT: "own-earned system+payout_reserved",
    Operation.PAYOUT_PAID: "system-payout_reserved system+payout_paid",
    Operation.PAYOUT_RETURNED: "system-payout_reserved own+earned",
    Operation.ADJUSTMENT: "system-adjustment own+bought own-bought own-earned own-reward own-debt system+adjustment",
}
"""Which accounts an operation takes coins from (-) and gives coins to (+): those of the transfer's user (own), of another
user, or of the system. The operations of a newer release may move everything."""
_ALLOWED = [f"{operation} {move}" for operation, moves in _MAY_MOVE.items() for move in moves.split()]


class Scope(StrEnum):
    NEW = "new"
    FULL = "full"


class Position(NamedTuple):
    """The newest entry and transfer at a time."""

    entry_id: int
    transfer_id: int


class Line(NamedTuple):
    """A line of the trial balance."""

    of_users: bool
    kind: str


class Latest(NamedTuple):
    kind: Scope
    checked_at: dt.datetime
    differences: int
    found: Sequence[str]


async def position(connection: Connection) -> tuple[Position, int]:
    """The position now, and the id of the next transaction."""
    row = await connection.fetchrow(_POSITION)
    assert row is not None
    return Position(row["entry_id"], row["transfer_id"]), row["xid"]


async def oldest_transaction(connection: Connection) -> int:
    """The id of the oldest transaction that still writes."""
    found: int = await connection.fetchval(_OLDEST)
    return found


async def last_account(connection: Connection) -> int:
    found: int = await connection.fetchval(_LAST_ACCOUNT)
    return found


async def unbalanced_transfers(connection: Connection, after: int, upto: int) -> list[str]:
    return [
        f"transfer {row['id']} ({row['operation']}) "
        + (f"sums to {row['sum']}" if row["entries"] else "has no entries")
        for row in await connection.fetch(_TRANSFERS, after, upto)
    ]


async def strange_entries(connection: Connection, after: int, upto: int) -> list[str]:
    """Entries of accounts that their transfer's operation does not move: the kind or the owner of an account was changed, or
    the transfer is forged."""
    return [
        f"entry {row['id']} of {_account(row['account_id'], row['owner_id'], row['kind'])}: transfer {row['transfer_id']} "
        f"({row['operation']}) does not move {row['amount']:+} there"
        for row in await connection.fetch(_STRANGE, after, upto, list(_MAY_MOVE), _ALLOWED)
    ]


async def trial_balance(connection: Connection, after: int, upto: int) -> Mapping[Line, int]:
    rows = await connection.fetch(_TRIAL_BALANCE, after, upto)
    return {Line(row["of_users"], row["kind"]): row["coins"] for row in rows}


async def wrong_entries(connection: Connection, after: int, upto: int) -> list[str]:
    return [
        f"entry {row['id']} of {_account(row['account_id'], row['owner_id'], row['kind'])}: {row['amount']:+} on "
        f"{row['before'] or 0} does not give {row['balance_after']}"
        for row in await connection.fetch(_ENTRIES, after, upto)
    ]


async def wrong_balances(connection: Connection, after: int, upto: int) -> list[str]:
    """Of these accounts."""
    return await _wrong_balances(connection, _BALANCES_OF_RANGE, after, upto)


async def wrong_balances_of_entries(connection: Connection, after: int, upto: int) -> list[str]:
    """Of the accounts of these entries."""
    return await _wrong_balances(connection, _BALANCES_OF_ENTRIES, after, upto)


async def _wrong_balances(connection: Connection, statement: str, after: int, upto: int) -> list[str]:
    return [
        f"{_account(row['id'], row['owner_id'], row['kind'])} has {row['balance']}, its entries say {row['derived'] or 0}"
        for row in await connection.fetch(statement, after, upto)
    ]


def _account(account_id: int, owner_id: int | None, kind: str) -> str:
    return f"account {account_id} ({kind}{'' if owner_id is None else f' of user {owner_id}'})"


async def record(database: Database, scope: Scope, checked: Position, differences: int, found: Sequence[str]) -> None:
    await database.execute(_RECORD, scope, *checked, differences, found)


async def checked_position(database: Database) -> Position:
    """Where the next check of what is new starts."""
    row = await database.fetchrow(_CHECKED)
    return Position(0, 0) if row is None else Position(row["entry_id"], row["transfer_id"])


async def latest(source: Connection | Database) -> Sequence[Latest]:
    """The latest check of each scope."""
    return [
        Latest(Scope(row["kind"]), row["checked_at"], row["differences"], row["found"])
        for row in await source.fetch(_LATEST)
    ]
