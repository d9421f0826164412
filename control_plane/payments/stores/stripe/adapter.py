"""Stripe as a store. A transaction is a payment intent: a Checkout session stands for its intent."""

from __future__ import annotations

import re
from collections.abc import Sequence

import aiohttp
import stripe

from control_plane.config.stores import Stripe
from control_plane.payments.stores.model import (
    Claim,
    Message,
    Notice,
    NotificationRefused,
    ReceiptRefused,
    StoreTransaction,
)
from control_plane.payments.stores.stripe import reading
from control_plane.payments.stores.stripe.client import asking, new_client
from control_plane.payments.stores.stripe.model import NAME
from control_plane.payments.stores.stripe.selling import StripeSales
from control_plane.payments.stores.stripe.webhooks import notices_of, verified

_REFERENCE = re.compile(r"(cs|pi)_[A-Za-z0-9_]{1,250}")
_MOST_DISPUTES = 100
"""Of one payment. Stripe's limit of one page; banks open one or two."""


class StripeStore:
    name = NAME

    def __init__(self, options: Stripe, live: bool, session: aiohttp.ClientSession) -> None:
        """`live`: the key moves real money."""
        self._client = new_client(options, session)
        self._secrets = options.webhook_secrets
        self._live = live
        self.sales = StripeSales(self._client)

    def recognises(self, claim: Claim) -> bool:
        return _REFERENCE.fullmatch(claim.transaction_id) is not None

    async def look_up(self, reference: str) -> StoreTransaction:
        """`reference`: the id of a Checkout session (`cs_…`) or of a payment intent (`pi_…`)."""
        if not _REFERENCE.fullmatch(reference):
            raise ReceiptRefused
        try:
            async with asking():
                if reference.startswith("cs_"):
                    return await self._session(reference)
                return await self._intent(reference)
        except stripe.InvalidRequestError:  # there is none with this id, or it is of the other mode
            raise ReceiptRefused from None

    async def finish(self, transaction: StoreTransaction, reference: str) -> None:
        """Stripe does not need to know."""

    async def notices(self, message: Message) -> Sequence[Notice]:
        event = verified(message, self._secrets)
        if event.livemode is not self._live:
            raise NotificationRefused("The event is of the other mode, test or live, than the secret key.")
        return notices_of(event)

    async def _session(self, session_id: str) -> StoreTransaction:
        session = await self._client.v1.checkout.sessions.retrieve_async(
            session_id, {"expand": ["payment_intent.latest_charge"]}
        )
        intent = reading.expanded_intent(session)
        return reading.read_session(session, self._live, await self._disputes(intent))

    async def _intent(self, intent_id: str) -> StoreTransaction:
        intent = await self._client.v1.payment_intents.retrieve_async(intent_id, {"expand": ["latest_charge"]})
        return reading.read_intent(intent, self._live, await self._disputes(intent))

    async def _disputes(self, intent: stripe.PaymentIntent | None) -> Sequence[stripe.Dispute]:
        charge = reading.charge_of(intent) if intent is not None else None
        if intent is None or charge is None or not charge.disputed:
            return ()
        listed = await self._client.v1.disputes.list_async({"payment_intent": intent.id, "limit": _MOST_DISPUTES})
        return listed.data
