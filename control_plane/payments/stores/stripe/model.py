"""Sales with Stripe, and why a payment is refused. Without Stripe's library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.payments.sale import Product

NAME = "stripe"
SESSION_ID = "{CHECKOUT_SESSION_ID}"
"""Stripe replaces it in addresses of ours."""


class StripeNotConnected(ControlPlaneError):
    code = "stripe_not_connected"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Coins cannot be bought by card on this server.")


class CardDeclined(ControlPlaneError):
    """The bank or Stripe refuses the payment. Nothing was charged."""

    code = "card_declined"
    kind = ErrorKind.REFUSED


class CardTokenRefused(ControlPlaneError):
    """The token is not one of Stripe's, has expired, or was used for another payment."""

    code = "card_token_refused"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("These card details cannot be used any more. Please enter the card again.")


class ConfirmationNeeded(ControlPlaneError):
    """The bank wants the buyer to confirm the payment (3-D Secure). Nothing is charged before."""

    code = "confirmation_needed"
    kind = ErrorKind.REFUSED

    def __init__(self, intent_id: str, client_secret: str) -> None:
        super().__init__(
            "Your bank asks you to confirm this payment. Please confirm it, or buy the coins on our website. They come "
            "as soon as the bank has confirmed the payment."
        )
        self._intent_id = intent_id
        self._client_secret = client_secret

    @property
    def beside(self) -> Mapping[str, str]:
        """What the app passes to Stripe's SDK. The secret lets its holder confirm this one payment, so only the answer to
        the buyer has it: it is in no log and in no URL."""
        return {"payment_intent": self._intent_id, "payment_intent_client_secret": self._client_secret}


class PaymentUncertain(ControlPlaneError):
    """Stripe did not answer: the card may have been charged. A repeated call with the same token charges it once."""

    code = "payment_uncertain"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__(
            "The payment service does not answer at the moment. If your card was charged, the coins come by "
            "themselves. You can try again in a moment: you will not be charged twice."
        )


@dataclass(frozen=True, slots=True)
class StartedCheckout:
    session_id: str
    url: str
    """Stripe's payment page."""


class CardSales(Protocol):
    async def start_checkout(self, package: Product, account: str, paid_url: str, back_url: str) -> StartedCheckout:
        """A payment page for this package. Stripe leads the buyer to `paid_url`, with SESSION_ID replaced, or to
        `back_url`. Raises PurchasesTooOften and StoreUnavailable."""
        ...

    async def charge(self, package: Product, account: str, token: str) -> str:
        """Charge a card once, however often it is called with this token. Returns the id of the payment intent.

        Raises CardDeclined, CardTokenRefused, ConfirmationNeeded, PaymentUncertain, PurchasesTooOften, StoreUnavailable.
        """
        ...


@runtime_checkable
class SellsByCard(Protocol):
    """A store that takes payments itself: a `Store` may be one too."""

    @property
    def sales(self) -> CardSales: ...
