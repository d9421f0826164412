"""Payouts: what users and operators do in the machine, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.ledger.account import PAYOUT_PAID, PAYOUT_RESERVED, earned
from control_plane.ledger.transfers import IdempotencyConflict, InDebt, Operation
from control_plane.ledger.wallets import Wallet
from control_plane.operations.payouts import AnotherOperatorNeeded, WrongState
from control_plane.payouts.model import AlreadyRequested, NotWithdrawable, Payout, State, TooFewCoins
from tests.control_plane.money import rules

if TYPE_CHECKING:
    from tests.control_plane.money.bank import Bank

LEAST = 5
TWO_OPERATORS_FROM = 40

_REQUESTS = """
    select id, user_id, coins, state, transfer_id, end_id, split_part(approved_by, ':', 2) as approved_by
    from payout_request order by id
"""


@dataclass(frozen=True)
class Requested:
    """A request for a payout, as the database has it."""

    id: int
    user_id: UserId
    coins: int
    state: State
    transfer_id: int
    end_id: int | None
    approved_by: str | None

    @property
    def is_open(self) -> bool:
        return self.state in (State.REQUESTED, State.APPROVED)


class Requests:
    def __init__(self) -> None:
        self.before: list[Requested] = []
        """At the beginning of the step."""
        self.now: list[Requested] = []

    async def look(self, bank: Bank) -> None:
        rows = await bank.database.fetch(_REQUESTS)
        self.before = self.now
        self.now = [Requested(**{**row, "state": State(row["state"])}) for row in rows]
        reserved = sum(request.coins for request in self.now if request.is_open)
        paid = sum(request.coins for request in self.now if request.state is State.PAID)
        assert (reserved, paid) == (bank.replay.balances[PAYOUT_RESERVED], bank.replay.balances[PAYOUT_PAID])

    def states(self, number: int) -> list[Requested]:
        """The request before and after the step. Empty: there was none."""
        if not self.before:
            return []
        place = number % len(self.before)
        return [self.before[place], self.now[place]]

    def open_of(self, user: UserId) -> set[bool]:
        """Whether the user had an open request, before and after the step."""
        return {any(one.is_open and one.user_id == user for one in all_) for all_ in (self.before, self.now)}


@dataclass(frozen=True)
class Withdraw:
    process: int
    user: UserId
    coins: int | None
    key: str | None
    is_whole: bool = False
    """So many coins as the user has when the step begins, as one app always sends."""

    def asked(self, purse: Wallet) -> int | None:
        return max(purse.total, 1) if self.is_whole else self.coins

    async def perform(self, bank: Bank) -> Payout:
        coins = self.asked(bank.replay.wallet(self.user))
        return await bank.processes[self.process].till.withdrawing.request(self.user, coins, self.key)

    def judge(self, bank: Bank, outcome: object) -> None:
        asked = self.asked(bank.wallets(self.user)[0])
        first = bank.transfers.get((self.user, Operation.PAYOUT, self.key or ""))
        if isinstance(outcome, Payout):
            [request] = [one for one in bank.requests.now if one.id == outcome.id]
            assert (request.user_id, request.coins) == (self.user, outcome.coins)
            assert self.key is None or (first is not None and first.id == request.transfer_id)
            transfer = bank.unclaimed.pop(request.transfer_id, None)
            if transfer is None:
                # A repeat, or one of equal requests that overlap.
                assert self.key or not bank.is_single
            else:
                coins = outcome.coins
                assert transfer.legs == rules.moved((earned(self.user), -coins), (PAYOUT_RESERVED, coins))
                bank.asked_for[transfer.id] = asked
                assert _decided(asked, transfer.before[self.user], has_open=False) == coins
            assert bank.asked_for[request.transfer_id] == asked
        elif isinstance(outcome, IdempotencyConflict):
            assert first is not None
            assert bank.asked_for[first.id] != asked
        else:
            assert isinstance(outcome, ControlPlaneError)
            states = [
                (purse, is_open) for purse in bank.wallets(self.user) for is_open in bank.requests.open_of(self.user)
            ]
            assert type(outcome) in [_decided(asked, purse, has_open=is_open) for purse, is_open in states]


def _decided(asked: int | None, purse: Wallet, *, has_open: bool) -> int | type[ControlPlaneError]:
    """The coins that are reserved, or the refusal."""
    coins = purse.earned if asked in (None, purse.total) else asked
    assert coins is not None
    if has_open:
        return AlreadyRequested
    if purse.debt:
        return InDebt
    if coins > purse.earned or not purse.earned:
        return NotWithdrawable
    return TooFewCoins if coins < LEAST else coins


class Act(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    PAY = "pay"


@dataclass(frozen=True)
class Decide:
    """An operator acts on a payout."""

    process: int
    number: int
    act: Act
    operator: str
    approved_too: bool
    """Also what is approved is rejected."""

    async def perform(self, bank: Bank) -> bool | None:
        if not bank.requests.now:
            return None
        request = bank.requests.now[self.number % len(bank.requests.now)]
        desk = bank.processes[self.process].till.desk(self.operator)
        match self.act:
            case Act.APPROVE:
                return await desk.approve(request.id)
            case Act.REJECT:
                return await desk.reject(request.id, "no", approved_too=self.approved_too)
            case Act.PAY:
                return await desk.pay(request.id, f"paid {request.id}")

    def judge(self, bank: Bank, outcome: object) -> None:
        states = bank.requests.states(self.number)
        if not states:
            assert outcome is None
            return
        before, after = states
        if outcome is True and self.act is not Act.APPROVE:
            assert after.end_id is not None
            transfer = bank.unclaimed.pop(after.end_id)
            is_paid = self.act is Act.PAY
            receives = PAYOUT_PAID if is_paid else earned(after.user_id)
            assert transfer.operation == (Operation.PAYOUT_PAID if is_paid else Operation.PAYOUT_RETURNED)
            assert transfer.legs == rules.moved((PAYOUT_RESERVED, -after.coins), (receives, after.coins))
            assert after.state is (State.PAID if is_paid else State.REJECTED)
            if is_paid:
                needs_another = after.coins >= TWO_OPERATORS_FROM
                assert after.approved_by in ({"olga", "oscar"} - {self.operator if needs_another else ""})
        possible = [self._decided(state) for state in self._between(bank, before, after)]
        assert (outcome if isinstance(outcome, bool) else type(outcome)) in possible

    def _between(self, bank: Bank, before: Requested, after: Requested) -> list[Requested]:
        """The states in which the act may have found the request."""
        if bank.is_single:
            return [before]
        approvals = [one for one in bank.actions if isinstance(one, Decide) and one.act is Act.APPROVE]
        names = {one.operator for one in approvals if bank.requests.states(one.number) == [before, after]}
        approved = [replace(before, state=State.APPROVED, approved_by=name) for name in names]
        return [before, after, *(approved if before.state is State.REQUESTED else [])]

    def _decided(self, request: Requested) -> bool | type[ControlPlaneError]:
        match self.act, request.state:
            case (Act.APPROVE, State.APPROVED) | (Act.REJECT, State.REJECTED) | (Act.PAY, State.PAID):
                return False
            case (Act.APPROVE | Act.REJECT, State.REQUESTED):
                return True
            case (Act.REJECT, State.APPROVED):
                return self.approved_too or WrongState
            case (Act.PAY, State.APPROVED):
                same = request.approved_by == self.operator
                return AnotherOperatorNeeded if same and request.coins >= TWO_OPERATORS_FROM else True
            case _:
                return WrongState
