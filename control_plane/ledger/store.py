"""SQL of the ledger: accounts, transfers and balances."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger.account import Account, Kind, TransferId

# One index lookup per account. A join, planned while the table is small, would keep scanning the whole table when it
# has grown.
_OPEN = """
    insert into ledger_account (owner_id, kind, balance)
    select owner_id, kind, 0 from unnest($1::integer[], $2::text[]) as wanted (owner_id, kind)
    where (select id from ledger_account a where a.owner_id = wanted.owner_id and a.kind = wanted.kind) is null
    on conflict do nothing
"""
_READ = """
    select id, owner_id, kind, balance from ledger_account
    where id = any (array(
        select (select id from ledger_account a where a.owner_id = wanted.owner_id and a.kind = wanted.kind)
        from unnest($1::integer[], $2::text[]) as wanted (owner_id, kind)))
    order by id
"""
_LOCK = f"{_READ} for no key update"
_FIND_TRANSFER = """
    select id, fingerprint from ledger_transfer where user_id = $1 and operation = $2 and idempotency_key = $3
"""
_POST = """
    with transfer as (
        insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint, note)
        values ($1, $2, $3, $4, $5)
        returning id
    ), leg as (
        select amount, coalesce(account_id, (
            select id from ledger_account system where system.owner_id is null and system.kind = given.kind)) as account_id
        from unnest($6::bigint[], $7::text[], $8::bigint[]) as given (account_id, kind, amount)
    ), moved as (
        update ledger_account account
        set balance = account.balance + (select leg.amount from leg where leg.account_id = account.id)
        where account.id = any ($6::bigint[])
        returning account.id, account.balance
    )
    insert into ledger_entry (transfer_id, account_id, amount, balance_after)
    select transfer.id, leg.account_id, leg.amount, moved.balance
    from transfer, leg left join moved on moved.id = leg.account_id
    order by leg.account_id
    returning transfer_id, account_id, balance_after
"""
_BALANCES = "select owner_id, kind, balance from ledger_account where owner_id = any($1::integer[])"
_EARNED_SINCE = """
    select coalesce((
        select earned_since(id, $2, balance) from ledger_account where owner_id = $1 and kind = 'earned'), 0)
"""
_ACCOUNTS_OF = "select id, kind from ledger_account where owner_id = $1 order by id"
_EXPORT = """
    select entry.id, amount, balance_after, operation, note, created_at
    from (
        select * from ledger_entry where account_id = $1 and id < $2 order by id desc limit $3
    ) as entry cross join lateral (
        select operation, note, created_at from ledger_transfer where id = entry.transfer_id offset 0
    ) as transfer
    order by entry.id desc
"""
"""`offset 0` keeps the planner from joining with the whole table of transfers."""


def coins_of(user_id: str) -> str:
    """SQL of a user's coins: bought, earned and rewarded. The argument is SQL."""
    return f"""
        (select coalesce(sum(balance), 0)::bigint from ledger_account
         where owner_id = {user_id} and kind in ('bought', 'earned', 'reward'))
    """


class HeldAccount(NamedTuple):
    id: int
    balance: int


class FoundTransfer(NamedTuple):
    id: TransferId
    fingerprint: bytes


class PostedTransfer(NamedTuple):
    id: TransferId
    balance_after: Mapping[int, int]
    """New balance by account id."""


async def open_accounts(source: Connection | Database, accounts: Sequence[Account]) -> None:
    """Create the missing accounts, with no coins. Run it as a statement of its own or as the first of a transaction: it
    may wait for a concurrent call that creates the same account, and would deadlock if that one waited for a lock held
    here."""
    owners, kinds = zip(*sorted(accounts), strict=True)
    await source.execute(_OPEN, owners, kinds)


async def lock_accounts(connection: Connection, accounts: Sequence[Account]) -> dict[Account, HeldAccount]:
    """Lock the users' accounts that exist, ordered by id to avoid deadlocks. Statements after this see the commits of
    every transaction that held these locks before.

    The balances are read afterwards: the statement that waits for the locks does not see an account that was created
    meanwhile, such as the debt of a refund. Every transfer locks all accounts of its users, so it is locked by the others.
    """
    owners, kinds = zip(*accounts, strict=True)
    await connection.fetch(_LOCK, owners, kinds)
    rows = await connection.fetch(_READ, owners, kinds)
    return {
        Account(row["owner_id"], Kind(row["kind"])): HeldAccount(id=row["id"], balance=row["balance"]) for row in rows
    }


async def find_transfer(
    source: Connection | Database, user_id: UserId, operation: str, key: str
) -> FoundTransfer | None:
    row = await source.fetchrow(_FIND_TRANSFER, user_id, operation, key)
    return None if row is None else FoundTransfer(**row)


async def post(
    connection: Connection,
    user_id: UserId,
    operation: str,
    key: str,
    fingerprint: bytes,
    note: str,
    legs: Sequence[tuple[int | None, Kind, int]],
) -> PostedTransfer:
    """Write a transfer and its entries, and update the balances. `legs`: account id (None: the system account of that
    kind), kind and amount. The caller must hold the locks of the users' accounts."""
    account_ids, kinds, amounts = zip(*legs, strict=True)
    rows = await connection.fetch(_POST, user_id, operation, key, fingerprint, note, account_ids, kinds, amounts)
    balances = {row["account_id"]: row["balance_after"] for row in rows if row["balance_after"] is not None}
    return PostedTransfer(rows[0]["transfer_id"], balances)


async def balances(source: Connection | Database, user_ids: Sequence[UserId]) -> dict[Account, int]:
    """The balances of all accounts of these users."""
    rows = await source.fetch(_BALANCES, user_ids)
    return {Account(row["owner_id"], Kind(row["kind"])): row["balance"] for row in rows}


async def earned_since(source: Connection | Database, user_id: UserId, since: dt.datetime) -> int:
    """How many of the coins that the user has were earned after this time, without those of a rejected payout."""
    coins: int = await source.fetchval(_EARNED_SINCE, user_id, since)
    return coins


async def exported_entries(
    database: Database, user_id: UserId, before: int, limit: int
) -> Sequence[Mapping[str, object]]:
    """Entries of the user's accounts, newest first."""
    entries: list[Mapping[str, object]] = []
    for account in await database.fetch(_ACCOUNTS_OF, user_id):
        rows = await database.fetch(_EXPORT, account["id"], before, limit)
        entries += [{"account": account["kind"], **row} for row in rows]
    return sorted(entries, key=itemgetter("id"), reverse=True)[:limit]
