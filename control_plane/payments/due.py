"""The job that finishes purchases: it asks the stores about claims that wait, and about what notifications hint at."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import dataclass

from control_plane.accounts import store as accounts
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.ledger.wallets import wallet
from control_plane.payments import claims_store as claims
from control_plane.payments import notifications_store as notices
from control_plane.payments import purchases_store as payments
from control_plane.payments.claims_store import Asked
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.errors import ProductNotOffered, PurchaseWaits
from control_plane.payments.notifications_store import KeptNotice
from control_plane.payments.purchases import Purchases, Refused
from control_plane.payments.settling import buyer_of
from control_plane.payments.stores.model import (
    AsksConsumption,
    Consumption,
    NoticeKind,
    Store,
    StoreTransaction,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Questions at the same time. More: a store with a limit of its own refuses them. Fewer: after an outage of a store the
coins come later."""
BATCH = 1000
"""Closed claims and notices deleted by one statement."""


class DuePurchases:
    def __init__(self, database: Database, stores: ConnectedStores, purchases: Purchases) -> None:
        self._database = database
        self._stores = stores
        self._purchases = purchases

    async def work(self) -> None:
        """Until nothing is due. Each claim and notice is taken with its next time of asking, so that none is lost when the
        server is killed, and one that fails does not hold up the others. A store that does not answer is not asked again
        by this run, because all of its purchases together would hold up those of other stores."""
        down: set[str] = set()
        more = True
        while more:
            hinted = await notices.take_due(self._database, AT_ONCE, down)
            waiting = await claims.take_due(self._database, AT_ONCE, down)
            work = [self._notice(kept, down) for kept in hinted] + [self._claim(asked, down) for asked in waiting]
            await asyncio.gather(*work)
            more = bool(work)

    async def _claim(self, asked: Asked, down: set[str]) -> None:
        try:
            await self._purchases.work_on(asked, tell=True)
        except ControlPlaneError as error:
            if isinstance(error, PurchaseWaits):
                down.add(asked.claim.store)
            about = {"claim": asked.claim.id, "store": asked.claim.store, "why": error.code}
            log.info("purchase_not_credited", extra=about)

    async def _notice(self, kept: KeptNotice, down: set[str]) -> None:
        try:
            await self._handle(kept)
        except Refused as refused:
            await notices.close(self._database, kept.id, refused.why.code)
        except ControlPlaneError as error:  # the store or the database is down: due again after the backoff
            log.info("notice_not_processed", extra={"notice": kept.id, "store": kept.store, "why": error.code})
            if isinstance(error, StoreUnavailable):
                down.add(kept.store)
            if error.kind is not ErrorKind.UNAVAILABLE:
                await notices.wait(self._database, kept.id, error.code)

    async def _handle(self, kept: KeptNotice) -> None:
        """Raises Refused and StoreUnavailable."""
        store = self._stores.named(kept.store)
        if store is None:
            raise StoreUnavailable  # the operator took it out of the settings
        reference = kept.notice.reference
        try:
            _, transaction = await self._purchases.settled(store, reference, kept.asked_at, None, tell=True)
        except Refused as refused:
            if refused.transaction is not None:
                await self._uncredited(kept, store, refused.transaction, refused.why)
            raise
        await self._answer_consumption(kept, store, transaction)
        if not await self._stores.finish(store, transaction, reference):
            raise StoreUnavailable
        await claims.hurry(self._database, store.name, transaction.transaction_id, kept.notice.reference)
        await notices.close(self._database, kept.id)

    async def _uncredited(
        self, kept: KeptNotice, store: Store, transaction: StoreTransaction, why: ControlPlaneError
    ) -> None:
        """A buyer whose purchase has no product here gets a claim, which an operator can retry."""
        if isinstance(why, ProductNotOffered):
            buyer = await buyer_of(self._database, store.name, transaction, kept.notice.reference)
            if buyer is not None:
                await claims.keep_refused(
                    self._database, buyer, store.name, kept.notice.reference, transaction.transaction_id, why.code
                )
        await self._answer_consumption(kept, store, transaction)
        await claims.hurry(self._database, store.name, transaction.transaction_id, kept.notice.reference)

    async def _answer_consumption(self, kept: KeptNotice, store: Store, transaction: StoreTransaction) -> None:
        """Raises StoreUnavailable."""
        if kept.notice.kind is NoticeKind.CONSUMPTION_ASKED and isinstance(store, AsksConsumption):
            facts = await self._consumption(store, transaction)
            await self._stores.ask(store, store.answer_consumption(kept.notice, facts))

    async def _consumption(self, store: Store, transaction: StoreTransaction) -> Consumption:
        purchase = await payments.find_purchase(self._database, store.name, transaction.transaction_id)
        if purchase is None:
            return Consumption(delivered=False, coins=0, spent=0, account=transaction.account)
        left = (await wallet(self._database, purchase.user_id)).bought
        bought, refunded = await payments.totals(self._database, purchase.user_id, purchase.currency)
        buyer = (await accounts.by_ids(self._database, [purchase.user_id])).get(purchase.user_id)
        return Consumption(
            delivered=True,
            coins=purchase.coins,
            spent=max(purchase.coins - left, 0),
            account=transaction.account,
            account_since=None if buyer is None else buyer.created_at,
            bought_minor=bought,
            refunded_minor=refunded,
            currency=purchase.currency,
        )


@job(every="* * * * *")
async def settle_purchases(due: DuePurchases) -> None:
    await due.work()


@dataclass(frozen=True, slots=True)
class PurchaseRetention:
    database: Database
    days: int


@job(every="41 * * * *")
async def delete_old_claims(retention: PurchaseRetention) -> None:
    """Claims and notices that are closed. The purchases stay."""
    days = dt.timedelta(days=retention.days)
    for delete_old in (claims.delete_old, notices.delete_old):
        while await delete_old(retention.database, days, BATCH) == BATCH:
            pass
