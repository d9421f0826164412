"""Takes back unpaid coins: those of the sandbox store, and the demo users' first coins.

An account does not separate free coins from paid ones. So the ledger is replayed from its beginning, and each transfer
moves free coins first; only the refund of a paid purchase takes paid coins first. What is reserved for a payout is
followed as an account of its user, because a rejection returns it. At the end each account holds a number of free
coins, never more than its balance. These are taken back; the rest was paid for. A debt that free coins paid is owed
again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.ledger.account import ADJUSTMENT, Account, Kind
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, key_of, post
from control_plane.payments.stores.sandbox import SandboxStore

DEMO_KEY = "demo"
"""Idempotency key of the transfers that credit demo users."""
_STILL = "lock table ledger_account in share row exclusive mode"
_ENTRIES = """
    select transfer_id, case when kind = 'payout_reserved' then -transfer.user_id else account_id end as account_id, amount,
        owner_id is not null or kind = 'payout_reserved' as is_a_users, kind = 'debt' as is_debt,
        transfer.operation = $4 as is_refund,
        exists (select from purchase where purchase.transfer_id = entry.transfer_id and store = $1)
            or exists (select from purchase_change change join purchase on purchase.id = purchase_id
                where change.transfer_id = entry.transfer_id and store = $1)
            or transfer.operation = $2 and transfer.idempotency_key = $3 as is_free
    from ledger_entry entry join ledger_account account on account.id = account_id
    join ledger_transfer transfer on transfer.id = transfer_id
    order by transfer_id, amount
"""
_ACCOUNTS = "select id, owner_id, kind, balance from ledger_account where owner_id is not null order by owner_id, id"


class LedgerIsWrong(ControlPlaneError):
    code = "ledger_is_wrong"
    kind = ErrorKind.STOPS

    def __init__(self, account_id: int) -> None:
        super().__init__(
            f"The ledger is inconsistent: the balance of account {account_id} is not the sum of its entries. "
            "Nothing was changed. Restore the database from a backup."
        )


async def take_back_free_coins(connection: Connection) -> Mapping[UserId, int]:
    """Take the coins back and return their number by user. Locks all accounts until the end of the transaction.

    Raises LedgerIsWrong.
    """
    await connection.execute(_STILL)
    operations = Operation.ADJUSTMENT.value, DEMO_KEY, Operation.REFUND.value
    rows = await connection.fetch(_ENTRIES, SandboxStore.name, *operations)
    balances: dict[int, int] = defaultdict(int)
    free: dict[int, int] = defaultdict(int)
    for _, entries in groupby(rows, itemgetter("transfer_id")):
        legs = list(entries)
        moving = sum(leg["amount"] for leg in legs if leg["is_a_users"]) if legs[0]["is_free"] else 0
        for leg in legs:  # ordered by amount: debits come before credits
            if not leg["is_a_users"]:
                continue
            account, amount = leg["account_id"], leg["amount"]
            if amount >= 0:
                moved = min(max(moving, 0), amount)
            elif leg["is_refund"] and not leg["is_free"]:
                paid = 0 if leg["is_debt"] else balances[account] - free[account]
                moved = 0 if leg["is_debt"] else -max(0, -amount - paid)
            else:
                moved = -min(free[account], -amount)
            balances[account] += amount
            free[account] += moved
            moving -= moved
    taken: dict[UserId, int] = {}
    accounts = await connection.fetch(_ACCOUNTS)
    for row in accounts:
        if row["balance"] != balances[row["id"]]:
            raise LedgerIsWrong(row["id"])
    for owner_id, owned in groupby(accounts, itemgetter("owner_id")):
        amounts = {Account(owner_id, Kind(row["kind"])): -free[row["id"]] for row in owned if free[row["id"]]}
        if amounts:
            taken[owner_id] = await _take_back(connection, owner_id, amounts)
    return taken


async def _take_back(connection: Connection, user_id: UserId, amounts: Mapping[Account, int]) -> int:
    coins = -sum(amounts.values())
    request = Request(user_id, Operation.ADJUSTMENT, key_of(None), fingerprint(coins=-coins), "free coins taken back")
    held = await hold(connection, request, list(amounts))
    await post(connection, held, {**amounts, ADJUSTMENT: coins})
    return coins
