"""Purchases in the sandbox store: what the machine does, and what must come of it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.ledger.account import STORE, Account
from control_plane.ledger.transfers import IdempotencyConflict, Operation
from control_plane.payments.errors import (
    PurchaseCancelled,
    PurchaseOfAnother,
    PurchasePending,
    PurchaseRefunded,
    PurchaseWaits,
)
from control_plane.payments.purchases import Purchased
from control_plane.payments.stores.model import State
from control_plane.payments.stores.sandbox import Sold
from tests.control_plane.money import rules
from tests.control_plane.money.replay import Transfer

if TYPE_CHECKING:
    from tests.control_plane.money.bank import Bank

_CLAIMS = "select user_id, reference, state, client_ref from purchase_claim"
_HINTED = "select distinct reference from store_notice where due_at is not null"
_PURCHASES = "select id, transaction_id from purchase"


@dataclass
class Receipt:
    """What a store sold, and what we hold of it."""

    text: str
    transaction_id: str
    coins: int
    named: UserId | None
    """The buyer, as the store knows it."""
    says: list[tuple[State, int]]
    """The states and refunded coins that the store told at the moments of this step; the last one is the present one."""
    buyer: UserId | None = None
    """Who got the coins."""
    taken: int = 0
    """Coins taken back."""
    lost: Counter[Account] = field(default_factory=Counter)
    """The same by account of the buyer."""
    changes: int = 0
    purchase_id: int = 0
    claims: dict[UserId, str] = field(default_factory=dict)
    """The states of the users' claims."""
    had_buyer: UserId | None = None
    had_claims: dict[UserId, str] = field(default_factory=dict)
    """At the beginning of the step."""
    is_answered: bool = False
    """An answer of this step says that it was credited now."""
    hinted: bool = False
    """A notification is not processed yet."""

    @property
    def key(self) -> str:
        """Of its transfer."""
        return hashlib.sha256(f"sandbox\0{self.transaction_id}".encode()).hexdigest()

    def targets(self) -> list[int]:
        """How many coins must have been taken back in all."""
        return [
            self.coins if state is State.CANCELLED else self.taken if state is State.PENDING else refunded
            for state, refunded in self.says
        ]

    def refusals(self) -> list[ControlPlaneError | None]:
        """Why it is not credited."""
        return [self._refusal(state, refunded) for state, refunded in self.says]

    def _refusal(self, state: State, refunded: int) -> ControlPlaneError | None:
        if state is State.PENDING:
            return PurchasePending()
        if state is State.CANCELLED:
            return PurchaseCancelled()
        return PurchaseRefunded() if refunded == self.coins else None


class Shelf:
    """What the store sold."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self._sold = 0
        self.keys: dict[tuple[UserId, str], str] = {}
        """The receipt that a user's key stands for. The key of a refused one is free again."""
        self.key_uses: dict[tuple[UserId, str], set[str]] = {}
        """The receipts for which a key was used in this step, or stood before it."""
        self.touched: set[int] = set()
        """Receipts that this step brings to what the store says."""

    def begin(self) -> None:
        self.touched.clear()
        self.key_uses = {key: {text} for key, text in self.keys.items()}
        self._sold = len(self.receipts)
        for receipt in self.receipts:
            receipt.says = receipt.says[-1:]
            receipt.had_buyer, receipt.had_claims, receipt.is_answered = receipt.buyer, dict(receipt.claims), False

    def at(self, number: int) -> Receipt | None:
        """One of those that were sold before this step."""
        return self.receipts[number % self._sold] if self._sold else None

    def number_of(self, user: UserId) -> int:
        """Of what was sold to the user last."""
        return max(number for number, receipt in enumerate(self.receipts) if receipt.named == user)

    async def look(self, bank: Bank) -> None:
        """Account for the transfers of purchases and refunds in this step."""
        by_text = {receipt.text: receipt for receipt in self.receipts}
        claims = await bank.database.fetch(_CLAIMS)
        for row in claims:
            by_text[row["reference"]].claims[row["user_id"]] = row["state"]
        self.keys = {(row["user_id"], row["client_ref"]): row["reference"] for row in claims if row["client_ref"]}
        hinted = {row["reference"] for row in await bank.database.fetch(_HINTED)}
        ids = {row["transaction_id"]: row["id"] for row in await bank.database.fetch(_PURCHASES)}
        for receipt in self.receipts:
            receipt.hinted = receipt.text in hinted
            receipt.purchase_id = ids.get(receipt.transaction_id, 0)
        for transfer in list(bank.unclaimed.values()):
            if transfer.operation == Operation.PURCHASE:
                self._credit(bank, transfer)
            elif transfer.operation == Operation.REFUND:
                self._take_back(bank, transfer)
            else:
                continue
            del bank.unclaimed[transfer.id]

    def _credit(self, bank: Bank, transfer: Transfer) -> None:
        [receipt] = [one for one in self.receipts if one.key == transfer.key]
        assert receipt.buyer is None, "a purchase is credited once"
        assert None in receipt.refusals()
        receipt.buyer = transfer.user_id
        assert receipt.buyer == receipt.named or (receipt.named is None and receipt.buyer in receipt.claims)
        assert self.receipts.index(receipt) in self.touched or not bank.is_single
        assert transfer.legs == rules.credited(transfer.before[receipt.buyer], receipt.buyer, receipt.coins)

    def _take_back(self, bank: Bank, transfer: Transfer) -> None:
        purchase_id, number = map(int, transfer.key.split(":"))
        [receipt] = [one for one in self.receipts if one.purchase_id == purchase_id]
        user, coins = transfer.user_id, transfer.legs[STORE]
        assert user == receipt.buyer
        assert self.receipts.index(receipt) in self.touched or not bank.is_single
        targets = receipt.targets()
        receipt.changes += 1
        receipt.taken += coins
        assert (receipt.changes, receipt.taken in targets) == (number, True)
        purse = transfer.before[user]
        assert transfer.legs == (
            rules.taken_back(purse, user, coins) if coins > 0 else rules.given_again(purse, user, -coins, receipt.lost)
        )
        receipt.lost.subtract(transfer.legs)


@dataclass(frozen=True)
class Sell:
    process: int
    user: UserId
    coins: int
    sold: Sold
    is_named: bool
    """The store knows the buyer."""

    async def perform(self, bank: Bank) -> None:
        shopping = bank.processes[self.process].shopping
        account = await shopping.accounts.of(self.user) if self.is_named else ""
        text = shopping.sandbox.receipts.sell(await shopping.product(self.coins), account, self.sold)
        opened = shopping.sandbox.receipts.open(text)
        receipt = Receipt(
            text, opened.id, self.coins, self.user if account else None, [(opened.state, opened.refunded_coins)]
        )
        bank.shelf.receipts.append(receipt)

    def judge(self, bank: Bank, outcome: object) -> None:
        assert outcome is None


@dataclass(frozen=True)
class Present:
    process: int
    user: UserId
    number: int
    by_buyer: bool
    """Presented by the user whom the store names, if there is one."""
    key: str | None

    def who(self, receipt: Receipt) -> UserId:
        return receipt.named or self.user if self.by_buyer else self.user

    async def perform(self, bank: Bank) -> Purchased | None:
        receipt = bank.shelf.at(self.number)
        if receipt is None:
            return None
        bank.shelf.touched.add(bank.shelf.receipts.index(receipt))
        if self.key:
            bank.shelf.key_uses.setdefault((self.who(receipt), self.key), set()).add(receipt.text)
        return await bank.processes[self.process].shopping.present(self.who(receipt), receipt.text, self.key)

    def judge(self, bank: Bank, outcome: object) -> None:
        receipt = bank.shelf.at(self.number)
        if receipt is None:
            assert outcome is None
            return
        user = self.who(receipt)
        is_used_for_another = bool(self.key and bank.shelf.key_uses[user, self.key] > {receipt.text})
        if isinstance(outcome, IdempotencyConflict):
            assert is_used_for_another
            return
        assert not (bank.is_single and is_used_for_another)
        if isinstance(outcome, Purchased):
            bought = outcome.purchase
            assert (bought.user_id, bought.coins, bought.transaction_id) == (
                *(user, receipt.coins, receipt.transaction_id),
            )
            assert receipt.buyer == user
            assert outcome.wallet in bank.wallets(user)
            if not outcome.replayed:
                assert (receipt.had_buyer, receipt.is_answered) == (None, False)
                receipt.is_answered = True
        else:
            assert isinstance(outcome, ControlPlaneError)
            assert outcome.code in self._refusals(bank, receipt, user)
        if bank.is_single:
            assert isinstance(outcome, PurchaseOfAnother) or receipt.claims[user] == (
                "credited" if isinstance(outcome, Purchased) else _CLAIM_AFTER[type(outcome)]
            )
            if isinstance(outcome, Purchased):
                assert outcome.replayed == (receipt.had_buyer is not None)
                assert outcome.wallet == bank.wallets(user)[-1]
            if receipt.had_claims.get(user) != "credited" and receipt.buyer:
                assert receipt.taken == receipt.targets()[-1]

    def _refusals(self, bank: Bank, receipt: Receipt, user: UserId) -> set[str]:
        if receipt.had_claims.get(user) == "credited":
            return set()
        codes = set() if bank.is_single or len(receipt.says) == 1 else {PurchaseWaits.code}
        for buyer in (receipt.had_buyer, receipt.buyer):
            if buyer is None and receipt.named in (None, user):
                codes |= {refusal.code for refusal in receipt.refusals() if refusal}
            elif buyer != user:
                codes.add(PurchaseOfAnother.code)
        return codes


@dataclass(frozen=True)
class Change:
    """The store changes what it sold, and sends a notification of it, sometimes twice."""

    process: int
    number: int
    state: State
    share: Fraction
    """Of the price that is refunded."""
    times: int

    async def perform(self, bank: Bank) -> None:
        receipt = bank.shelf.at(self.number)
        if receipt is None or len(receipt.says) > 1:
            return
        shopping = bank.processes[self.process].shopping
        refunded = math.floor(receipt.coins * self.share)
        receipt.says.append((self.state, refunded))
        message = await shopping.sandbox.change(receipt.text, self.state, refunded)
        for _ in range(self.times):
            await shopping.notifications.take("sandbox", message)

    def judge(self, bank: Bank, outcome: object) -> None:
        assert outcome is None
        receipt = bank.shelf.at(self.number)
        assert receipt is None or receipt.hinted or not self.times or not bank.is_single


@dataclass(frozen=True)
class Work:
    """The job that finishes purchases."""

    process: int

    async def perform(self, bank: Bank) -> None:
        shelf = bank.shelf
        due = {n for n, one in enumerate(shelf.receipts) if one.hinted or "waiting" in one.claims.values()}
        shelf.touched |= due
        await bank.processes[self.process].shopping.work()

    def judge(self, bank: Bank, outcome: object) -> None:
        assert outcome is None
        if not bank.is_single:
            return
        assert not any(receipt.hinted for receipt in bank.shelf.receipts)
        for receipt in (bank.shelf.receipts[number] for number in bank.shelf.touched):
            if receipt.buyer is None:
                claimants = [user for user in receipt.had_claims if receipt.named in (None, user)]
                assert receipt.refusals() != [None] or not (receipt.named or claimants)
                waiting = receipt.refusals()[-1]
                assert ("waiting" in receipt.claims.values()) <= isinstance(waiting, PurchasePending)
            else:
                assert receipt.taken == receipt.targets()[-1]
                assert "waiting" not in receipt.claims.values()


_CLAIM_AFTER = {PurchasePending: "waiting", PurchaseCancelled: "refused", PurchaseRefunded: "refused"}
