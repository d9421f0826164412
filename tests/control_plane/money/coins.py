"""Adjustments and check-ins."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.ledger.account import ADJUSTMENT, bought
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.transfers import IdempotencyConflict, Operation
from control_plane.ledger.wallets import Wallet
from tests.control_plane.money import rules
from tests.control_plane.money.bank import Bank


@dataclass(frozen=True)
class Adjust:
    process: int
    user: UserId
    coins: int
    key: str

    async def perform(self, bank: Bank) -> Wallet:
        return await adjust(bank.processes[self.process].database, self.user, self.coins, self.key)

    def judge(self, bank: Bank, outcome: object) -> None:
        transfer = bank.transfers[self.user, Operation.ADJUSTMENT, self.key]
        if isinstance(outcome, Wallet):
            bank.unclaimed.pop(transfer.id, None)  # the second of two equal ones finds it claimed
            assert transfer.legs == rules.moved((ADJUSTMENT, -self.coins), (bought(self.user), self.coins))
            assert outcome in bank.wallets(self.user)
        else:
            assert isinstance(outcome, IdempotencyConflict)
            assert transfer.legs[bought(self.user)] != self.coins
