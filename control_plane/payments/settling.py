"""Settling brings what we hold of a store's transaction to the state that the store reports now.

It credits the coins once, over all users, takes them back as far as the price was refunded, and gives them again when a
refund is reversed. It does not matter how often it runs, or in which order answers and notifications come: each answer
has the time of its question, and one that is older than what is known already is not used.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind
from control_plane.inbox.own_matters import tell_of_own
from control_plane.ledger import amounts
from control_plane.ledger import store as ledger
from control_plane.ledger.account import Account, accounts_of, bought, debt
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, post
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments import claims_store as claims
from control_plane.payments import packages_store
from control_plane.payments import purchases_store as store
from control_plane.payments.errors import (
    BuyerUnknown,
    ProductNotOffered,
    PurchaseCancelled,
    PurchaseOfAnother,
    PurchasePending,
    PurchaseRefunded,
)
from control_plane.payments.purchases_store import Answered
from control_plane.payments.sale import Product, Purchase
from control_plane.payments.store_accounts import user_of
from control_plane.payments.stores.model import State, StoreTransaction

LARGEST_PURCHASE = 2**31 - 1
"""Coins and price of one purchase, as the apps read them."""


class AskAgain(Exception):
    """The answer is older than another one, or the buyer became known meanwhile: the store has to be asked again."""


@dataclass(frozen=True, slots=True)
class Settled:
    purchase: Purchase
    wallet: Wallet
    """The buyer's current wallet."""
    credited: int = 0
    """Coins that this call credited for the purchase."""
    taken: int = 0
    """Coins that this call took back; below zero: gave again."""
    owed: int = 0
    """By how much the debt of the buyer grew."""


def refunded_coins(transaction: StoreTransaction, purchase: Purchase) -> int:
    """How many of the purchase's coins have to be taken back in all. A part of a coin stays with the buyer."""
    match transaction.state:
        case State.CANCELLED:
            return purchase.coins
        case State.PENDING:  # contradicts what the store said when the coins were credited
            return purchase.refunded_coins
        case State.PAID:
            return math.floor(purchase.coins * min(max(transaction.refunded, Fraction(0)), Fraction(1)))


def refusal(transaction: StoreTransaction, buyer: UserId | None, product: Product | None) -> ControlPlaneError | None:
    """Why a transaction that is not credited yet is not credited now. None: it is credited."""
    if transaction.state is State.PENDING:
        return PurchasePending()
    if transaction.state is State.CANCELLED:
        return PurchaseCancelled()
    if transaction.refunded >= 1:
        return PurchaseRefunded()
    if buyer is None:
        return BuyerUnknown("The buyer of this purchase is not known yet.")
    if product is None or transaction.quantity < 1:
        return ProductNotOffered()
    if max(product.coins, product.price_minor) * transaction.quantity > LARGEST_PURCHASE:
        return ProductNotOffered()
    return None


async def settle(
    database: Database, answered: Answered, user_id: UserId | None = None, device: str = "", *, tell: bool = False
) -> Settled:
    """`user_id`: the user who claims the transaction; None: the buyer is found by the store's answer and by earlier
    claims. `tell`: tell the buyer that the coins came.

    Raises AskAgain, and the refusals of this module after the answer is kept.
    """
    said = answered.transaction
    held = await store.find_purchase(database, answered.store, said.transaction_id)
    buyer = held.user_id if held is not None else await _buyer(database, answered, user_id)
    async with database.transaction() as connection:
        outcome = await _settle(connection, answered, buyer, device, tell=tell)
    if isinstance(outcome, ControlPlaneError):
        raise outcome
    if user_id not in (None, outcome.purchase.user_id):
        raise PurchaseOfAnother
    return outcome


async def _buyer(database: Database, answered: Answered, user_id: UserId | None) -> UserId | None:
    """Raises PurchaseOfAnother if the store names another user than the one who claims the transaction."""
    if user_id is None:
        return await buyer_of(database, answered.store, answered.transaction, answered.reference)
    if await user_of(database, answered.transaction.account) not in (None, user_id):
        raise PurchaseOfAnother
    return user_id


async def buyer_of(database: Database, store_name: str, transaction: StoreTransaction, reference: str) -> UserId | None:
    """The user whom the store names, else the one who claimed the transaction first."""
    named = await user_of(database, transaction.account)
    return named or await claims.first_claimant(database, store_name, transaction.transaction_id, reference)


async def _settle(
    connection: Connection, answered: Answered, buyer: UserId | None, device: str, *, tell: bool
) -> Settled | ControlPlaneError:
    said = answered.transaction
    accounts: list[Account] = []
    if buyer is not None:
        accounts = list(accounts_of(buyer))
        may_owe = said.refunded > 0 or said.state is State.CANCELLED
        await ledger.open_accounts(connection, [bought(buyer), *([debt(buyer)] if may_owe else [])])
        await ledger.lock_accounts(connection, accounts)
    if not await store.keep_answer(connection, answered):
        raise AskAgain
    purchase = await store.find_purchase(connection, answered.store, said.transaction_id)
    if purchase is not None and purchase.user_id != buyer:  # credited since the buyer was looked for
        raise AskAgain
    credited = 0
    if purchase is None:
        product = await packages_store.product(connection, answered.store, said.product_id, said.bought_at)
        refused = refusal(said, buyer, product)
        if refused is not None:
            return refused
        assert buyer is not None, "refused above"
        assert product is not None, "refused above"
        purchase = await _credit(connection, answered, buyer, product, device)
        credited = purchase.coins
    assert buyer is not None, "a purchase has a buyer"
    owed = (await wallet(connection, buyer)).debt
    taken = refunded_coins(said, purchase) - purchase.refunded_coins
    if taken:
        purchase = await _take_back(connection, purchase, taken)
    after = await wallet(connection, buyer)
    await _tell(connection, purchase, credited if tell else 0, taken, newly=bool(credited))
    return Settled(purchase, after, credited, taken, after.debt - owed)


async def _credit(connection: Connection, answered: Answered, buyer: UserId, product: Product, device: str) -> Purchase:
    transaction_id = answered.transaction.transaction_id
    # Hashed, because some stores' ids are longer than a key may be.
    key = hashlib.sha256(f"{answered.store}\0{transaction_id}".encode()).hexdigest()
    print_ = fingerprint(store=answered.store, transaction_id=transaction_id)
    request = Request(buyer, Operation.PURCHASE, key, print_, note=answered.store)
    held = await hold(connection, request, accounts_of(buyer))
    coins = product.coins * answered.transaction.quantity
    posted = await post(connection, held, amounts.purchase(held.wallet(buyer), buyer, coins))
    return await store.record_purchase(connection, buyer, answered, product, device, posted.transfer_id)


async def _take_back(connection: Connection, purchase: Purchase, coins: int) -> Purchase:
    buyer = purchase.user_id
    key = f"{purchase.id}:{await store.changes(connection, purchase.id) + 1}"
    request = Request(buyer, Operation.REFUND, key, fingerprint(purchase=purchase.id, coins=coins), purchase.store)
    held = await hold(connection, request, accounts_of(buyer))
    purse, taken = held.wallet(buyer), await store.taken(connection, purchase)
    moved = amounts.refund(purse, buyer, coins) if coins > 0 else amounts.reversal(purse, buyer, -coins, taken)
    posted = await post(connection, held, moved)
    return await store.record_change(connection, purchase.id, coins, posted.transfer_id)


async def _tell(connection: Connection, purchase: Purchase, credited: int, taken: int, *, newly: bool) -> None:
    if credited:
        await tell_of_own(
            connection, Kind.COINS_CREDITED, purchase.id, str(credited - max(taken, 0)), [purchase.user_id]
        )
    elif taken < 0:
        await tell_of_own(connection, Kind.COINS_CREDITED, purchase.id, str(-taken), [purchase.user_id])
    elif taken > 0 and not newly:
        await tell_of_own(connection, Kind.COINS_TAKEN_BACK, purchase.id, str(taken), [purchase.user_id])
