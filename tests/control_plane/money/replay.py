"""Reads the transfers that were posted since the last look, and replays them in plain Python: which coins moved, and what
each user had at every moment in between."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from control_plane.base.ids import UserId
from control_plane.db.pool import Database, Row
from control_plane.ledger.account import Account, Kind
from control_plane.ledger.wallets import Wallet

_ENTRIES = """
    select entry.id, transfer_id, transfer.user_id, operation, idempotency_key as key, owner_id, kind, amount
    from ledger_entry entry
    join ledger_transfer transfer on transfer.id = transfer_id
    join ledger_account account on account.id = account_id
    where entry.id > $1 order by entry.id
"""


@dataclass
class Transfer:
    id: int
    user_id: UserId
    operation: str
    key: str
    legs: Counter[Account] = field(default_factory=Counter)
    before: Mapping[UserId, Wallet] = field(default_factory=dict)
    """What every user had when the transfer was decided."""
    after: Wallet = field(default_factory=Wallet)
    """What its user had then, without coins that came from the same transfer or later."""

    @property
    def name(self) -> tuple[UserId, str, str]:
        """What the ledger accepts once."""
        return self.user_id, self.operation, self.key


class Replay:
    def __init__(self, users: list[UserId]) -> None:
        self.users = users
        self.balances: Counter[Account] = Counter()
        self.seen: dict[UserId, list[Wallet]] = {}
        """What each user had at the moments since the last look."""
        self._last_entry = 0

    def wallet(self, user: UserId) -> Wallet:
        return Wallet.of(user, self.balances)

    async def look(self, database: Database) -> list[Transfer]:
        """The new transfers, in the order in which they were decided."""
        self.seen = {user: [self.wallet(user)] for user in self.users}
        entries = await database.fetch(_ENTRIES, self._last_entry)
        found: dict[int, Transfer] = {}
        for entry in entries:
            key = entry["transfer_id"]
            transfer = found.setdefault(key, Transfer(key, entry["user_id"], entry["operation"], entry["key"]))
            transfer.legs[Account(entry["owner_id"], Kind(entry["kind"]))] += entry["amount"]
        for first, entries_together in _in_order(entries):
            transfer = found[first]
            if not transfer.before:
                transfer.before = {user: self.wallet(user) for user in self.users}
            for entry in entries_together:
                self.balances[Account(entry["owner_id"], Kind(entry["kind"]))] += entry["amount"]
                self._last_entry = max(self._last_entry, entry["id"])
            for user in {entry["owner_id"] for entry in entries_together} & self.seen.keys():
                self.seen[user].append(self.wallet(user))
            if any(entry["owner_id"] == transfer.user_id for entry in entries_together):
                transfer.after = self.wallet(transfer.user_id)
        return list(found.values())


def _in_order(entries: list[Row]) -> Iterator[tuple[int, list[Row]]]:
    """The entries of a transfer together, at the place of the first one. Gifts that are sent together first take all coins
    and then give them, so the two halves of a gift are apart."""
    parts: dict[tuple[int, bool], list[Row]] = defaultdict(list)
    for entry in entries:
        gives = entry["operation"] == "gift" and entry["amount"] > 0
        parts[entry["transfer_id"], gives].append(entry)
    for (transfer_id, _), rows in parts.items():
        yield transfer_id, rows
