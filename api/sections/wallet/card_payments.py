"""Coins paid with Stripe: on its payment page, or by a card token of an app."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from yarl import URL

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Id, Request, Text
from api.http.local_path import local_path
from api.sections.wallet.purchases import REFUSALS, PurchaseCoinAnswer, purchased_answer
from control_plane.payments.errors import PurchasesTooOften, UnknownProduct
from control_plane.payments.packages_store import offered
from control_plane.payments.sale import Product
from control_plane.payments.stores.model import Claim, StoreUnavailable
from control_plane.payments.stores.stripe.model import (
    NAME,
    SESSION_ID,
    CardDeclined,
    CardSales,
    CardTokenRefused,
    ConfirmationNeeded,
    PaymentUncertain,
    StripeNotConnected,
)

section = Section("wallet")

PARAMETER = "checkout"
"""What the page that the buyer comes back to has in its query."""


class StartCheckoutRequest(Request, frozen=True, kw_only=True):
    product_id: Text = ""
    """The package, by its product id: the one of `showCoinWorth`, unless the operator gave Stripe one of its own. Empty: by
    `package_id`."""
    package_id: Id | None = None
    """The package, by its `id`."""
    return_path: Text = "/coins"
    """The page of this server, such as `/watch/7`, that Stripe leads the buyer back to. After the payment with
    `checkout=<session id>` in its query."""


class StartCheckoutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    """Stripe's payment page. It can be used for an hour."""
    session_id: str
    """After the payment: `stripe_session_id` of `purchaseCoin`."""


@section.endpoint(
    "startCheckout",
    access=Access.PROVEN,
    refusals=(StripeNotConnected, UnknownProduct, PurchasesTooOften, StoreUnavailable),
)
async def start_checkout(call: Call, body: StartCheckoutRequest) -> StartCheckoutAnswer:
    """Start the payment of a coin package on Stripe's page. The price is the one of the server's catalogue. After the
    payment, call `purchaseCoin` with the session id; without that call the coins come by Stripe's notification."""
    sales = _sales(call)
    packages = await offered(call.platform.database, NAME)
    package = _chosen(packages, body.product_id, body.package_id)
    account = await call.payments.accounts.of(call.user_id)
    paid_url, back_url = _return_urls(call.urls.base, body.return_path)
    started = await sales.start_checkout(package, account, paid_url, back_url)
    return StartCheckoutAnswer(url=started.url, session_id=started.session_id)


class PurchaseCoinsFromStripeRequest(Request, frozen=True, kw_only=True):
    stripe_token: Text
    """A card token of Stripe's SDK, `tok_…`. It is charged once, however often the call is repeated."""
    coin: Id
    """The package with this number of coins."""
    user_id: CallerId | None = None
    title: Text = ""
    """The title that the app showed. Not used."""
    price: Text = ""
    """The price that the app showed. Not used: the catalogue's price is charged."""
    device: Text = ""
    """`ios` or `android`. Stored with the purchase."""


@section.endpoint(
    "purchaseCoinsFromStripe",
    access=Access.PROVEN,
    refusals=(
        *(StripeNotConnected, UnknownProduct, CardDeclined, CardTokenRefused, ConfirmationNeeded, PaymentUncertain),
        StoreUnavailable,
        *REFUSALS,
    ),
)
async def purchase_coins_from_stripe(call: Call, body: PurchaseCoinsFromStripeRequest) -> PurchaseCoinAnswer:
    """Charge a card and credit the coins. Where the buyer's bank wants the payment confirmed (3-D Secure), the answer is
    201 with `payment_intent_client_secret` for Stripe's SDK: after the confirmation, the same call again (or
    `purchaseCoin` with `payment_intent` as its `transaction_id`) credits the coins, as does Stripe's notification."""
    sales = _sales(call)
    package = _with_coins(await offered(call.platform.database, NAME), body.coin)
    account = await call.payments.accounts.of(call.user_id)
    intent_id = await sales.charge(package, account, body.stripe_token)
    purchased = await call.payments.purchases.purchase(call.user_id, Claim(intent_id, body.device))
    return await purchased_answer(call, purchased, intent_id)


def _sales(call: Call) -> CardSales:
    """Raises StripeNotConnected."""
    sales = call.payments.card_sales
    if sales is None:
        raise StripeNotConnected
    return sales


def _return_urls(base: str, path: str) -> tuple[str, str]:
    page = URL(f"{base}{local_path(path)}").with_fragment(None)
    if PARAMETER in page.query:  # of an earlier checkout
        page = page.without_query_params(PARAMETER)
    joint = "&" if page.query_string else "?"
    return f"{page}{joint}{PARAMETER}={SESSION_ID}", str(page)


def _chosen(packages: Sequence[Product], product_id: str, package_id: int | None) -> Product:
    """Raises UnknownProduct."""
    for package in packages:
        if package.product_id == product_id or (not product_id and package.package_id == package_id):
            return package
    raise UnknownProduct


def _with_coins(packages: Sequence[Product], coins: int) -> Product:
    """Raises UnknownProduct."""
    for package in packages:
        if package.coins == coins:
            return package
    raise UnknownProduct
