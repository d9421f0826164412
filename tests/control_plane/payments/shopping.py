"""Purchases with the sandbox store, and with a store whose answers and faults a test times."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.due import DuePurchases
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.notifications import Notifications
from control_plane.payments.packages_store import offered
from control_plane.payments.purchases import Purchased, Purchases
from control_plane.payments.sale import Product
from control_plane.payments.store_accounts import StoreAccounts
from control_plane.payments.stores.model import (
    Claim,
    Consumption,
    Message,
    Notice,
    NoticeKind,
    NotificationRefused,
    ReceiptRefused,
    State,
    StoreTransaction,
    StoreUnavailable,
)
from control_plane.payments.stores.sandbox import SandboxStore, Sold

KEYRING = Keyring((Secret("s", b"s" * 32),))
DUE_NOW = "update purchase_claim set due_at = now() where due_at is not null"
NOTICES_DUE_NOW = "update store_notice set due_at = now() where due_at is not null"


class RealStore:
    """A store that takes money. Its notifications are the words `<notice id> <transaction id>`."""

    name = "real"

    def __init__(self) -> None:
        self.sold: dict[str, StoreTransaction] = {}
        self.is_down = False
        self.asked = 0
        self.finished: list[str] = []
        self.consumption: list[Consumption] = []
        self._released: asyncio.Event | None = None
        self.held_back = asyncio.Event()
        """Set when an answer is kept back."""
        self.step: Callable[[], None] = lambda: None
        """Called before and after each answer."""
        self._numbers = itertools.count(1)

    def sell(
        self, product_id: str = "coins_100", account: str = "", state: State = State.PAID, quantity: int = 1
    ) -> str:
        transaction_id = f"real{next(self._numbers)}"
        self.sold[transaction_id] = StoreTransaction(
            transaction_id=transaction_id,
            product_id=product_id,
            state=state,
            bought_at=utc_now(),
            quantity=quantity,
            account=account,
        )
        return transaction_id

    def set(self, transaction_id: str, state: State = State.PAID, refunded: Fraction = Fraction(0)) -> None:
        self.sold[transaction_id] = replace(self.sold[transaction_id], state=state, refunded=refunded)

    def hold_back(self) -> asyncio.Event:
        """Keep the next answer back, after it was read, until the event is set. Later ones are not kept back."""
        self._released = asyncio.Event()
        return self._released

    def recognises(self, claim: Claim) -> bool:
        return claim.transaction_id.startswith("real")

    async def look_up(self, reference: str) -> StoreTransaction:
        self.step()
        self.asked += 1
        if self.is_down:
            raise StoreUnavailable
        if reference not in self.sold:
            raise ReceiptRefused
        answer = self.sold[reference]
        if self._released is not None:
            released, self._released = self._released, None
            self.held_back.set()
            await released.wait()
        self.step()
        return answer

    async def finish(self, transaction: StoreTransaction, reference: str) -> None:
        self.step()
        if self.is_down:
            raise StoreUnavailable
        self.finished.append(transaction.transaction_id)
        self.step()

    async def notices(self, message: Message) -> Sequence[Notice]:
        words = message.body.decode().split()
        if not words:
            raise NotificationRefused("It says nothing.")
        kind = NoticeKind(words[2]) if len(words) > 2 else NoticeKind.CHANGED
        return [Notice(words[0], kind, words[1])]

    async def answer_consumption(self, notice: Notice, facts: Consumption) -> None:
        self.consumption.append(facts)


class Shopping:
    def __init__(self, database: Database, look_up_s: float = 10.0) -> None:
        self.database = database
        self.real = RealStore()
        self.sandbox = SandboxStore(KEYRING, database)
        self.metrics = Metrics()
        self._counted = PurchaseMetrics(self.metrics)
        self.accounts = StoreAccounts(database)
        self.stores = ConnectedStores([self.sandbox, self.real], look_up_s)
        self.restart()

    def restart(self) -> None:
        """As after the end of the server: only the database and the stores remain."""
        self.purchases = Purchases(self.database, self.stores, self._counted, per_minute=10_000)
        self.due = DuePurchases(self.database, self.stores, self.purchases)
        self.notifications = Notifications(self.database, self.stores)

    async def product(self, coins: int = 100) -> Product:
        return next(p for p in await offered(self.database, "sandbox") if p.coins == coins)

    async def sandbox_receipt(self, user_id: UserId, coins: int = 100, sold: Sold = Sold.PURCHASED) -> str:
        return self.sandbox.receipts.sell(await self.product(coins), await self.accounts.of(user_id), sold)

    async def present(self, user_id: UserId, transaction_id: str, client_ref: str | None = None) -> Purchased:
        return await self.purchases.purchase(user_id, Claim(transaction_id), client_ref)

    async def buy(self, user_id: UserId, transaction_id: str) -> str:
        await self.present(user_id, transaction_id)
        return transaction_id

    async def notify(self, transaction_id: str, notice_id: str = "", kind: NoticeKind = NoticeKind.CHANGED) -> None:
        words = f"{notice_id or transaction_id + str(self.real.asked)} {transaction_id} {kind.value}"
        await self.notifications.take("real", Message({}, words.encode()))

    async def refund(self, transaction_id: str, share: Fraction = Fraction(1)) -> None:
        """The store refunds, and its notification is processed."""
        self.real.set(transaction_id, refunded=share)
        await self.notify(transaction_id)
        await self.due.work()

    async def work(self) -> None:
        """The job runs, some time later."""
        await self.database.execute(DUE_NOW)
        await self.database.execute(NOTICES_DUE_NOW)
        await self.due.work()
