"""Adjustments and check-ins."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.ledger.account import ADJUSTMENT, REWARDS, bought, reward
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.transfers import IdempotencyConflict, Operation
from control_plane.ledger.wallets import Wallet
from control_plane.rewards.checking_in import CheckingIn
from control_plane.rewards.model import CheckedInBefore, Checkin
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


REWARD = 7
_FIRST_DAY = dt.datetime(2026, 1, 30, 12, tzinfo=dt.UTC)


@dataclass(frozen=True)
class CheckIn:
    process: int
    user: UserId
    day: int

    @property
    def now(self) -> dt.datetime:
        return _FIRST_DAY + dt.timedelta(days=self.day)

    async def perform(self, bank: Bank) -> Checkin:
        database = bank.processes[self.process].database
        return await CheckingIn(database, REWARD, lambda: self.now).check_in(self.user)

    def judge(self, bank: Bank, outcome: object) -> None:
        transfer = bank.transfers[self.user, Operation.REWARD, f"check-in {self.now:%Y-%m-%d}"]
        if isinstance(outcome, Checkin):
            del bank.unclaimed[transfer.id]
            assert transfer.legs == rules.moved((REWARDS, -REWARD), (reward(self.user), REWARD))
        else:
            assert isinstance(outcome, CheckedInBefore)
            assert not bank.is_single or transfer.id not in bank.unclaimed
