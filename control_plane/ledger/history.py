"""The history of a user's coins: each entry of the user's accounts, with the wallet as it was after it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger import history_store
from control_plane.ledger.account import Kind, TransferId

NEWEST = 2**63 - 1
"""`before` of the first page."""


@dataclass(frozen=True, slots=True)
class Movement:
    id: int
    """Of the ledger entry. A transfer that moves coins of several kinds has an entry for each."""
    kind: Kind
    coins: int
    """Below zero: the account got less."""
    wallet: int
    """Coins of all kinds after it, without debt."""
    debt: int
    """Coins owed after it."""
    transfer_id: TransferId
    operation: str
    """A value of Operation, or one that a newer release wrote."""
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class HistoryPage:
    movements: Sequence[Movement]
    """Newest first."""
    more: bool


async def history(database: Database, user_id: UserId, limit: int, before: int = NEWEST) -> HistoryPage:
    """A page of the history: the movements before that of the id `before`.

    Entries have the balance of their account only. The wallet is summed from the newest entry of each account and
    followed back from there, so a page costs the same wherever it is.
    """
    entries = await history_store.entries(database, user_id, before, limit + 1)
    balances: dict[str, int] = defaultdict(int)
    for entry in reversed(entries):
        balances[entry["kind"]] = entry["balance_after"]  # the newest entry of the account is the last to be set
    movements = []
    for entry in entries[:limit]:
        debt = balances[Kind.DEBT]
        movement = Movement(
            id=entry["id"],
            kind=Kind(entry["kind"]),
            coins=entry["amount"],
            wallet=sum(balances.values()) - debt,
            debt=-debt,
            transfer_id=entry["transfer_id"],
            operation=entry["operation"],
            created_at=entry["created_at"],
        )
        movements.append(movement)
        balances[entry["kind"]] -= entry["amount"]
    return HistoryPage(movements, more=len(entries) > limit)
