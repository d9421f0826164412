"""Coin packages and prices, their cash worth, and purchases from stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import field
from msgspec.structs import asdict

from api.contract.call import Call
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Nothing, Section
from api.contract.request import CallerId, ClientRef, Request, Text
from api.http.urls import Urls
from api.wire.profile import Profile, caller_of, own_profile
from api.wire.wallet import (
    CoinPackage,
    CoinWorth,
    PurchaseCoin,
    Transaction,
    package_view,
    purchase_view,
    transaction_view,
)
from control_plane.base.errors import ControlPlaneError
from control_plane.ledger.transfers import IdempotencyConflict, InvalidClientRef, TooManyCoins
from control_plane.payments.errors import (
    ClaimTooLong,
    ProductNotOffered,
    PurchaseCancelled,
    PurchaseOfAnother,
    PurchasePending,
    PurchaseRefunded,
    PurchasesTooOften,
    PurchaseWaits,
    StoreNotConnected,
    TooManyClaims,
)
from control_plane.payments.purchases import LONGEST_CLAIM, Purchased
from control_plane.payments.sale import Package
from control_plane.payments.stores.model import Claim, ReceiptRefused

section = Section("wallet")

Receipt = Annotated[str, msgspec.Meta(max_length=LONGEST_CLAIM)]


class ShowCoinWorthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    coin_worth: CoinWorth = field(name="CoinWorth")
    coin_packages: list[CoinPackage] = field(name="CoinPackages")


@section.endpoint("showCoinWorth", access=Access.OPEN)
async def show_coin_worth(call: Call, body: Nothing) -> ShowCoinWorthAnswer:
    """The cash worth of one coin, and the coin packages on sale."""
    return ShowCoinWorthAnswer(
        coin_worth=CoinWorth(id=1, price=float(call.platform.settings.cash_per_coin)),
        coin_packages=_price_list(await call.payments.packages.get(), call.urls),
    )


def _views(packages: Sequence[Package], urls: Urls) -> list[CoinPackage]:
    return [package_view(package) for package in packages]


_price_list = EncodedOnce(_views)


class PurchaseCoinRequest(Request, frozen=True, kw_only=True):
    transaction_id: Receipt
    """The store's receipt, which names the product. In development mode: `transaction_id` of `/sandbox/purchases`."""
    user_id: CallerId | None = None
    coin: Text = ""
    """The number of coins that the app showed. Not used."""
    title: Text = ""
    """The title that the app showed. Not used."""
    price: Text = ""
    """The price that the app showed, such as `$0.99`. Not used."""
    device: Text = ""
    """`ios` or `android`. Stored with the purchase."""
    stripe_session_id: Receipt = ""
    """Used as the receipt when `transaction_id` is empty."""
    client_ref: ClientRef | None = None
    """Optional: even without it, a transaction is credited only once."""


class PurchaseCoinAnswer(Profile, frozen=True, kw_only=True):
    purchase_coin: PurchaseCoin = field(name="PurchaseCoin")
    transaction: Transaction = field(name="Transaction")


REFUSALS: Sequence[type[ControlPlaneError]] = (
    *(PurchaseOfAnother, StoreNotConnected, ProductNotOffered, ReceiptRefused),
    *(PurchaseWaits, PurchasePending, PurchaseCancelled, PurchaseRefunded),
    *(ClaimTooLong, TooManyClaims, PurchasesTooOften, TooManyCoins),
)
"""Of every call that credits a purchase."""


@section.endpoint("purchaseCoin", access=Access.PROVEN, refusals=(*REFUSALS, IdempotencyConflict, InvalidClientRef))
async def purchase_coin(call: Call, body: PurchaseCoinRequest) -> PurchaseCoinAnswer:
    """Credit a purchase after its store confirms it. Each transaction is credited only once. Coins and price come from
    the server's catalogue, not from the body. Where the store is slow or the purchase is not paid yet, the answer is a
    refusal that says so: the purchase is kept, and the coins come later without another call."""
    receipt = body.transaction_id or body.stripe_session_id
    purchased = await call.payments.purchases.purchase(call.user_id, Claim(receipt, body.device), body.client_ref)
    return await purchased_answer(call, purchased, body.transaction_id)


async def purchased_answer(call: Call, purchased: Purchased, transaction_id: str) -> PurchaseCoinAnswer:
    """`transaction_id`: as the app sent it."""
    purchase = purchased.purchase
    buyer = own_profile(call, await caller_of(call))
    return PurchaseCoinAnswer(
        **asdict(buyer),
        purchase_coin=purchase_view(purchase, transaction_id),
        transaction=transaction_view(purchase),
    )


class StoreAccount(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    """A UUID. The app gives it to the store with each purchase: as `appAccountToken` to the App Store, as
    `obfuscatedAccountId` to Google Play."""


class ShowStoreAccountAnswer(msgspec.Struct, frozen=True, kw_only=True):
    store_account: StoreAccount = field(name="StoreAccount")


@section.endpoint("showStoreAccount", access=Access.PROVEN)
async def show_store_account(call: Call, body: Nothing) -> ShowStoreAccountAnswer:
    """The caller's id for stores. With it a purchase is credited even if `purchaseCoin` never arrives."""
    return ShowStoreAccountAnswer(store_account=StoreAccount(account=await call.payments.accounts.of(call.user_id)))
