"""Invariants of the ledger, checked in the tables themselves."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database

UNBALANCED = "select transfer_id from ledger_entry group by transfer_id having sum(amount) <> 0"
EMPTY_TRANSFERS = """
    select id from ledger_transfer t where not exists (select from ledger_entry where transfer_id = t.id)
"""
WRONG_BALANCES = """
    select account.id from ledger_account account left join ledger_entry entry on entry.account_id = account.id
    where account.owner_id is not null
    group by account.id having account.balance <> coalesce(sum(entry.amount), 0)
        or account.balance <> coalesce((array_agg(entry.balance_after order by entry.id desc))[1], 0)
"""
BROKEN_HISTORIES = """
    select id from (
        select entry.id, amount, balance_after, owner_id,
            lag(balance_after, 1, 0::bigint) over (partition by account_id order by entry.id) as before
        from ledger_entry entry join ledger_account account on account.id = entry.account_id
    ) as history
    where case when owner_id is null then balance_after is not null else balance_after is distinct from before + amount end
"""
UNCREDITED_PURCHASES = """
    select purchase.id from purchase where coins is distinct from (
        select sum(amount) from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where transfer_id = purchase.transfer_id and owner_id = purchase.user_id and kind in ('bought', 'debt'))
"""
WRONG_REFUNDS = """
    select id from purchase where refunded_coins is distinct from (
        select coalesce(sum(coins), 0) from purchase_change where purchase_id = purchase.id)
    union all
    select purchase_id from purchase_change change where coins is distinct from (
        select -sum(amount) from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where transfer_id = change.transfer_id and owner_id = (select user_id from purchase where id = purchase_id))
    union all
    select id from ledger_transfer where operation = 'refund' and id not in (select transfer_id from purchase_change)
"""
PAID_OUT = """
    select coalesce(sum(amount), 0)::bigint from ledger_entry entry join ledger_account account on account.id = entry.account_id
    where owner_id is null and kind in ('payout_reserved', 'payout_paid')
"""
IN_CIRCULATION = "select coalesce(sum(balance), 0)::bigint from ledger_account where owner_id is not null"
ISSUED = """
    select (select coalesce(sum(coins - refunded_coins), 0) from purchase)::bigint + (
        select coalesce(sum(amount), 0) from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where owner_id is not null
            and transfer_id in (select id from ledger_transfer where operation in ('adjustment', 'reward')))::bigint - (
        select coalesce(sum(amount), 0) from ledger_entry entry join ledger_account account on account.id = entry.account_id
        where owner_id is null and kind = 'commission')::bigint
"""


async def audit(database: Database) -> int:
    """The sum of all users' coins. Fails if any sum is wrong."""
    for found in (UNBALANCED, EMPTY_TRANSFERS, WRONG_BALANCES, BROKEN_HISTORIES, UNCREDITED_PURCHASES, WRONG_REFUNDS):
        assert await database.fetch(found) == []
    in_circulation: int = await database.fetchval(IN_CIRCULATION)
    assert in_circulation + await database.fetchval(PAID_OUT) == await database.fetchval(ISSUED)
    return in_circulation


async def transfers_of(database: Database, user_id: UserId) -> int:
    count: int = await database.fetchval("select count(*) from ledger_transfer where user_id = $1", user_id)
    return count
