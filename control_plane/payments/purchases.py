"""Purchases: credits coins once per store transaction, after the store has confirmed it.

A claim is kept before its store is asked. From then on nothing is lost, whenever the server is killed: the job
(`control_plane/payments/due.py`) asks the store about every claim that is not closed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.errors import ControlPlaneError, ErrorKind, present
from control_plane.base.ids import UserId
from control_plane.base.rate_limit import RateLimit
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database
from control_plane.ledger.transfers import IdempotencyConflict, key_of
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments import claims_store as claims
from control_plane.payments import purchases_store as payments
from control_plane.payments.claims_store import Asked, ClaimState, digest_of
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.errors import (
    ClaimTooLong,
    PurchasePending,
    PurchasesTooOften,
    PurchaseWaits,
    TooManyClaims,
)
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.purchases_store import Answered
from control_plane.payments.sale import Purchase
from control_plane.payments.settling import AskAgain, Settled, settle
from control_plane.payments.stores.model import Claim, Store, StoreTransaction, StoreUnavailable

LONGEST_DEVICE = 64
"""Characters of a client's device name that are stored; the rest is cut off."""
LONGEST_CLAIM = 16_384
"""Characters of a claim. Shorter: the App Store's signed transactions, about 6,000, do not fit. Longer: a user can fill
the database faster."""
MOST_WAITING = 50
"""Claims of one user that wait for a store. Fewer: purchases during a long outage are refused. More: a user can fill the
database faster."""
KEPT_REFUSED = 10
"""Claims of one user that are kept after they were refused for one reason, for operators."""
ATTEMPTS = 720
"""Questions of the job about one claim, about 30 days. Fewer: a payment in cash that takes longer is refused. More: claims
that never come to anything are asked about for longer."""
ASKED_AGAIN = 3
"""Questions of one call, if the store's answers overtake each other."""


@dataclass(frozen=True, slots=True)
class Purchased:
    purchase: Purchase
    wallet: Wallet
    """The current wallet."""
    replayed: bool
    """The transaction was credited before; nothing was credited again."""


class Purchases:
    """Without stores, every purchase is refused."""

    def __init__(self, database: Database, stores: ConnectedStores, metrics: PurchaseMetrics, per_minute: int) -> None:
        """`per_minute`: calls of one user."""
        self._database = database
        self._stores = stores
        self._metrics = metrics
        self._often = RateLimit(per_minute)

    async def purchase(self, user_id: UserId, claim: Claim, client_ref: str | None = None) -> Purchased:
        """Credit a purchase, idempotent per store transaction and per `client_ref`. The number of coins comes from our
        own table of packages, not from the client.

        Raises PurchaseWaits and PurchasePending, where the claim is kept and credited later; StoreNotConnected,
        ReceiptRefused, IdempotencyConflict, InvalidClientRef, TooManyCoins and the other refusals of
        `control_plane/payments/errors.py`.
        """
        if client_ref is not None:
            key_of(client_ref)
        store = self._stores.of(claim)
        if len(claim.transaction_id) > LONGEST_CLAIM:
            raise ClaimTooLong
        if self._often.wait_s(user_id):
            raise PurchasesTooOften
        asked = await self._keep(user_id, store, claim, client_ref)
        kept = asked.claim
        if kept.state is ClaimState.CREDITED:
            found = await payments.find_purchase(self._database, kept.store, kept.transaction_id)
            purchase = present(found, "a credited claim has a purchase")
            return Purchased(purchase, await wallet(self._database, user_id), replayed=True)
        settled = await self.work_on(asked, tell=False)
        return Purchased(settled.purchase, settled.wallet, replayed=not settled.credited)

    async def _keep(self, user_id: UserId, store: Store, claim: Claim, client_ref: str | None) -> Asked:
        """Raises IdempotencyConflict and TooManyClaims."""
        digest = digest_of(claim.transaction_id)
        device = "".join(filter(str.isprintable, claim.device))[:LONGEST_DEVICE]
        async with self._database.transaction() as connection:
            await lock_names(connection, f"purchase-claims/{user_id}")
            if client_ref is not None:
                used_for = await claims.digest_by_client_ref(connection, user_id, client_ref)
                if used_for not in (None, digest):
                    raise IdempotencyConflict
            if await claims.others_waiting(connection, user_id, digest) >= MOST_WAITING:
                raise TooManyClaims
            return await claims.keep(connection, user_id, store.name, claim.transaction_id, device, client_ref)

    async def work_on(self, asked: Asked, *, tell: bool) -> Settled:
        """Ask the store about a kept claim, settle the answer, and tell the store that the coins are credited.

        The claim is left as the outcome says: open if the store has to be asked again, else closed. Raises what
        `purchase` does.
        """
        claim = asked.claim
        store = self._stores.named(claim.store)
        transaction: StoreTransaction | None = None
        try:
            if store is None:
                raise StoreUnavailable  # the operator took it out of the settings
            settled, transaction = await self.settled(
                store, claim.reference, asked.asked_at, claim.user_id, claim.device, tell=tell
            )
        except Refused as refused:
            await self._refused(asked, refused.why, refused.transaction_id)
            raise refused.why from None
        except StoreUnavailable:
            await self._wait(asked, PurchaseWaits.code, None)
            raise PurchaseWaits from None
        finished = await self._stores.finish(store, transaction, claim.reference)
        await claims.credited(self._database, claim.id, transaction.transaction_id, finished=finished)
        return settled

    async def settled(
        self,
        store: Store,
        reference: str,
        asked_at: dt.datetime,
        user_id: UserId | None,
        device: str = "",
        *,
        tell: bool,
    ) -> tuple[Settled, StoreTransaction]:
        """Ask the store and settle its answer. Raises Refused and StoreUnavailable."""
        for _ in range(ASKED_AGAIN):
            try:
                transaction = await self._stores.look_up(store, reference)
            except StoreUnavailable:
                raise
            except ControlPlaneError as error:
                raise Refused(error, None) from error
            answered = Answered(store.name, reference, transaction, asked_at)
            try:
                settled = await settle(self._database, answered, user_id, device, tell=tell)
            except AskAgain:
                asked_at = await payments.now(self._database)
                continue
            except ControlPlaneError as error:
                if error.kind is ErrorKind.UNAVAILABLE:  # the database
                    raise
                raise Refused(error, transaction) from error
            self._metrics.settled(store.name, settled)
            return settled, transaction
        raise StoreUnavailable

    async def _refused(self, asked: Asked, why: ControlPlaneError, transaction_id: str | None) -> None:
        if isinstance(why, PurchasePending):
            await self._wait(asked, why.code, transaction_id)
        else:
            await claims.refuse(self._database, asked.claim, why.code, transaction_id, KEPT_REFUSED)

    async def _wait(self, asked: Asked, reason: str, transaction_id: str | None) -> None:
        if asked.claim.attempts >= ATTEMPTS:
            await claims.refuse(self._database, asked.claim, reason, transaction_id, KEPT_REFUSED)
        else:
            await claims.wait(self._database, asked.claim.id, reason, transaction_id)


class Refused(Exception):
    """The store or the settling refused. It is not an error of a caller by itself."""

    def __init__(self, why: ControlPlaneError, transaction: StoreTransaction | None) -> None:
        super().__init__(why.code)
        self.why = why
        self.transaction = transaction

    @property
    def transaction_id(self) -> str | None:
        return None if self.transaction is None else self.transaction.transaction_id
