"""Stripe's webhooks: the signature, and what an event says.

An event is only a hint: its contents may be older than the object, so only ids are read from it. The endpoint's API
version does not matter for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import stripe

from control_plane.payments.stores.model import Message, Notice, NoticeKind, NotificationRefused
from control_plane.payments.stores.stripe.marks import are_ours

TOLERANCE_S = 300
"""Age of the oldest signature. Larger: a recorded request can be replayed for longer. Smaller: fails when clocks differ."""
SIGNATURE = "stripe-signature"

_SESSION = frozenset(
    f"checkout.session.{what}" for what in ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
)
_INTENT = frozenset(f"payment_intent.{what}" for what in ("succeeded", "payment_failed", "canceled"))
_GIVEN_BACK = ("charge.refunded", "charge.refund.updated", "refund.", "charge.dispute.")
"""Prefixes of the events whose objects name a payment intent. They have no metadata of ours."""


class _Event(msgspec.Struct):
    id: str
    type: str
    data: dict[str, Any]
    livemode: bool


def verified(message: Message, secrets: Iterable[str]) -> _Event:
    """Raises NotificationRefused."""
    signature = message.headers.get(SIGNATURE, "")
    if not any(_is_signed(message.body, signature, secret) for secret in secrets):
        raise NotificationRefused("The signature is missing, wrong or too old.")
    try:
        return msgspec.json.decode(message.body, type=_Event)
    except msgspec.DecodeError:
        raise NotificationRefused("The notification is no event of Stripe.") from None


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_S)  # compares in constant time
    except (stripe.SignatureVerificationError, ValueError, TypeError):  # text that is not UTF-8 or not ASCII
        return False
    return True


def notices_of(event: _Event) -> Sequence[Notice]:
    """Empty: the event does not concern us."""
    reference = _reference(event.type, event.data.get("object"))
    return [Notice(event.id, NoticeKind.CHANGED, reference)] if reference else []


def _reference(type_: str, thing: object) -> str:
    if not isinstance(thing, Mapping):
        return ""
    if type_ in _SESSION or type_ in _INTENT:
        return _id(thing.get("id")) if are_ours(thing.get("metadata")) else ""
    return _id(thing.get("payment_intent")) if type_.startswith(_GIVEN_BACK) else ""


def _id(value: object) -> str:
    return value if isinstance(value, str) else ""
