"""Purchases: credit coins once per store transaction, after the store has confirmed it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import amounts
from control_plane.ledger import store as ledger
from control_plane.ledger.account import accounts_of, bought
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, key_of, post
from control_plane.ledger.wallets import Wallet
from control_plane.payments import store as payments
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.sale import Package, Purchase
from control_plane.payments.shops import Claim, Shop, VerifiedPurchase

LONGEST_DEVICE = 64
"""Characters of a client's device name that are stored; the rest is cut off."""


class ShopNotConnected(ControlPlaneError):
    """No connected store recognises the claim."""

    code = "store_not_connected"
    kind = ErrorKind.REFUSED


class UnknownProduct(ControlPlaneError):
    code = "unknown_product"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such coin package.")


class PurchaseOfAnother(ControlPlaneError):
    code = "purchase_of_another"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("This purchase belongs to another account.")


@dataclass(frozen=True, slots=True)
class Purchased:
    purchase: Purchase
    wallet: Wallet
    """The current wallet."""
    replayed: bool
    """The transaction was credited before; nothing was credited again."""


def choose_package(packages: Sequence[Package], product_id: str = "", coins: int | None = None) -> Package:
    """Find a package by product id, or without one by its number of coins. Raises UnknownProduct."""
    for package in packages:
        if package.product_id == product_id or (not product_id and package.coins == coins):
            return package
    raise UnknownProduct


class Purchases:
    """Credits purchases that the stores confirm. Without stores, every purchase is refused."""

    def __init__(self, database: Database, shops: Sequence[Shop], metrics: PurchaseMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._shops = shops

    async def purchase(self, user_id: UserId, claim: Claim, client_ref: str | None = None) -> Purchased:
        """Credit a purchase, idempotent per store transaction and per `client_ref`. The number of coins comes from our
        own table of packages, not from the client.

        Raises ShopNotConnected, PurchaseOfAnother, UnknownProduct, IdempotencyConflict, InvalidClientRef, TooManyCoins
        and what `Shop.verify` raises.
        """
        seller = self._shop_of(claim)
        verified = await seller.verify(claim)
        if verified.user_id not in (None, user_id):
            raise PurchaseOfAnother
        request = _request(user_id, seller, verified, client_ref)
        async with self._database.transaction() as connection:
            purchased = await _credit(connection, request, seller, verified, claim)
        if not purchased.replayed:
            self._metrics.credited(seller.name, purchased.purchase.coins)
        return purchased

    def _shop_of(self, claim: Claim) -> Shop:
        for candidate in self._shops:
            if candidate.recognises(claim):
                return candidate
        if not self._shops:
            raise ShopNotConnected("Coins cannot be bought yet: this server is not connected to a store.")
        raise ShopNotConnected("This purchase is not from a store that this server is connected to.")


def _request(user_id: UserId, seller: Shop, verified: VerifiedPurchase, client_ref: str | None) -> Request:
    transaction = fingerprint(store=seller.name, transaction_id=verified.transaction_id)
    # Hashed, because some stores' ids are longer than a key may be.
    key = hashlib.sha256(verified.transaction_id.encode()).hexdigest() if client_ref is None else key_of(client_ref)
    return Request(user_id, Operation.PURCHASE, key, transaction, note=seller.name)


async def _credit(
    connection: Connection, request: Request, seller: Shop, verified: VerifiedPurchase, claim: Claim
) -> Purchased:
    user_id = request.user_id
    await ledger.open_accounts(connection, [bought(user_id)])
    held = await hold(connection, request, accounts_of(user_id))
    credited = await payments.find_purchase(connection, seller.name, verified.transaction_id)
    if credited is not None:
        if credited.user_id != user_id:
            raise PurchaseOfAnother
        return Purchased(credited, held.wallet(user_id), replayed=True)
    package = await payments.package(connection, verified.product_id)
    if package is None:
        raise UnknownProduct
    posted = await post(connection, held, amounts.purchase(held.wallet(user_id), user_id, package.coins))
    purchase = await payments.record_purchase(
        connection,
        user_id,
        seller.name,
        verified.transaction_id,
        package,
        "".join(filter(str.isprintable, claim.device))[:LONGEST_DEVICE],
        posted.transfer_id,
    )
    if purchase is None:  # another user presented it at the same moment; raising rolls the transfer back
        raise PurchaseOfAnother
    return Purchased(purchase, posted.wallet(user_id), replayed=False)
