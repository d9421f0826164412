"""Sells our packages with Stripe: starts Checkout sessions, and charges cards by token."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
import secrets
from typing import TYPE_CHECKING, Any, cast

import stripe

from control_plane.base.clock import utc_now
from control_plane.base.rate_limit import RateLimit
from control_plane.payments.errors import PurchasesTooOften
from control_plane.payments.sale import Product
from control_plane.payments.stores.model import StoreUnavailable
from control_plane.payments.stores.stripe.client import asking
from control_plane.payments.stores.stripe.declines import reason_of
from control_plane.payments.stores.stripe.marks import Marks
from control_plane.payments.stores.stripe.model import (
    CardDeclined,
    CardTokenRefused,
    ConfirmationNeeded,
    PaymentUncertain,
    StartedCheckout,
)

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams
    from stripe.params.checkout import SessionCreateParams

log = logging.getLogger(__name__)

OFFERED_FOR = dt.timedelta(hours=1)
"""How long the payment page of a checkout can be used. Longer keeps an old price for longer; Stripe's least is 30 minutes."""
PER_MINUTE = 30
"""Checkouts and charges of one user. More: stolen cards are tried out faster, for which Stripe blocks accounts."""
_TOKEN = re.compile(r"tok_[A-Za-z0-9_]{1,250}")
_UNUSABLE_TOKEN = frozenset({"resource_missing", "token_already_used", "token_in_use", "token_card_network_invalid"})
_REPEATS = 2
"""Repeats of a request to charge, within its deadline: the second of two calls at once, whose first Stripe is still
working on, gets the answer of the first one. Fewer: it is refused. The key makes them safe."""


class StripeSales:
    """`CardSales`."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client
        self._often = RateLimit(PER_MINUTE)

    async def start_checkout(self, package: Product, account: str, paid_url: str, back_url: str) -> StartedCheckout:
        self._check_rate(account)
        now = utc_now()
        marks = Marks.of(package, account, now)
        price = {"currency": marks.currency, "unit_amount": marks.amount, "product_data": {"name": package.title}}
        params: dict[str, Any] = {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "client_reference_id": account,
            "metadata": marks.metadata,
            "payment_intent_data": {"metadata": marks.metadata, "description": package.title},
            "expires_at": int((now + OFFERED_FOR).timestamp()),
            "success_url": paid_url,
            "cancel_url": back_url,
        }
        try:
            async with asking():
                session = await self._client.v1.checkout.sessions.create_async(
                    cast("SessionCreateParams", params), {"idempotency_key": f"checkout-{secrets.token_hex(16)}"}
                )
        except stripe.StripeError as error:
            raise _our_fault(error) from None
        if not session.url:
            raise StoreUnavailable
        return StartedCheckout(session.id, session.url)

    async def charge(self, package: Product, account: str, token: str) -> str:
        if not _TOKEN.fullmatch(token):
            raise CardTokenRefused
        self._check_rate(account)
        try:
            async with asking():
                intent = await self._client.v1.payment_intents.create_async(
                    _charging(Marks.of(package, account), package.title, token),
                    {"idempotency_key": _key(account, token), "max_network_retries": _REPEATS},
                )
                if intent.status != "succeeded":  # a repeated call gets the first answer, which may be old
                    intent = await self._client.v1.payment_intents.retrieve_async(intent.id)
        except StoreUnavailable:
            raise PaymentUncertain from None
        except stripe.CardError as error:
            raise CardDeclined(reason_of(error)) from None
        except stripe.IdempotencyError:  # the token was used for another package
            raise CardTokenRefused from None
        except stripe.InvalidRequestError as error:
            if error.code in _UNUSABLE_TOKEN:
                raise CardTokenRefused from None
            raise _our_fault(error) from None
        if intent.status in ("requires_action", "requires_confirmation"):
            raise ConfirmationNeeded(intent.id, intent.client_secret or "")
        if intent.status in ("requires_payment_method", "canceled"):
            raise CardDeclined(reason_of(None))
        return intent.id

    def _check_rate(self, account: str) -> None:
        """Raises PurchasesTooOften."""
        if self._often.wait_s(account):
            raise PurchasesTooOften


def _charging(marks: Marks, title: str, token: str) -> PaymentIntentCreateParams:
    params: dict[str, Any] = {
        "amount": marks.amount,
        "currency": marks.currency,
        "confirm": True,
        "payment_method_data": {"type": "card", "card": {"token": token}},
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": marks.metadata,
        "description": title,
    }
    return cast("PaymentIntentCreateParams", params)


def _our_fault(error: stripe.StripeError) -> StoreUnavailable:
    """Stripe refuses the request itself, such as a currency that the account cannot use. Its text may quote the request."""
    param = error.param if isinstance(error, stripe.InvalidRequestError) else None
    log.error("stripe_refuses_request", extra={"why": error.code, "param": param, "id": error.request_id})
    return StoreUnavailable()


def _key(account: str, token: str) -> str:
    return f"card-{hashlib.sha256(f'{account} {token}'.encode()).hexdigest()}"
