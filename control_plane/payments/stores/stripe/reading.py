"""Reads Stripe's objects as transactions of the port."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from fractions import Fraction

import stripe
from stripe.checkout import Session

from control_plane.payments.stores.model import ReceiptRefused, State, StoreTransaction
from control_plane.payments.stores.stripe.marks import Marks

log = logging.getLogger(__name__)

_NOT_TAKEN = frozenset({"won", "warning_needs_response", "warning_under_review", "warning_closed"})
"""Disputes that take no money from us: those that we won, and questions of a bank before a dispute."""


def expanded_intent(session: Session) -> stripe.PaymentIntent | None:
    intent = session.payment_intent
    return intent if isinstance(intent, stripe.PaymentIntent) else None


def charge_of(intent: stripe.PaymentIntent) -> stripe.Charge | None:
    charge = intent.latest_charge
    return charge if isinstance(charge, stripe.Charge) else None


def read_session(session: Session, live: bool, disputes: Sequence[stripe.Dispute]) -> StoreTransaction:
    """Raises ReceiptRefused if we did not make the session."""
    marks = _marks(session, live)
    if session.mode != "payment" or session.payment_status == "no_payment_required":
        raise ReceiptRefused
    intent = expanded_intent(session)
    if intent is None:  # it is made when the buyer presses "Pay"
        state = State.CANCELLED if session.status == "expired" else State.PENDING
        return _transaction(session.id, marks, state, session.created)
    read = read_intent(intent, live, disputes)
    if read.state is State.PENDING and (session.status == "expired" or _failed_later(session, intent)):
        return _transaction(intent.id, marks, State.CANCELLED, session.created)
    return read


def read_intent(intent: stripe.PaymentIntent, live: bool, disputes: Sequence[stripe.Dispute]) -> StoreTransaction:
    """Raises ReceiptRefused if we did not make the intent, or less was paid than we asked for."""
    marks = _marks(intent, live)
    state = _state(intent, marks)
    refunded = Fraction(0)
    if state is State.PAID:
        if intent.amount_received < marks.amount or intent.currency != marks.currency:
            log.error("stripe_amount_differs", extra={"intent": intent.id, "paid": intent.amount_received})
            raise ReceiptRefused
        charge = charge_of(intent)
        refunded = Fraction(0) if charge is None else _refunded(charge, disputes)
    return _transaction(intent.id, marks, state, intent.created, refunded)


def _marks(thing: Session | stripe.PaymentIntent, live: bool) -> Marks:
    marks = Marks.read(thing.metadata.to_dict() if thing.metadata is not None else None)
    if marks is None or thing.livemode is not live:
        raise ReceiptRefused
    return marks


def _state(intent: stripe.PaymentIntent, marks: Marks) -> State:
    if intent.status == "succeeded":
        return State.PAID
    # On the page of a checkout the buyer can try another card; a token is for one attempt.
    if intent.status == "canceled" or (intent.status == "requires_payment_method" and not marks.by_checkout):
        return State.CANCELLED
    return State.PENDING


def _failed_later(session: Session, intent: stripe.PaymentIntent) -> bool:
    """Whether a payment that takes days, such as a bank transfer, has failed."""
    return session.status == "complete" and intent.status == "requires_payment_method"


def _refunded(charge: stripe.Charge, disputes: Sequence[stripe.Dispute]) -> Fraction:
    """The share that was given back or that a bank has taken back. An open dispute counts like a lost one, because the
    bank takes the money when it begins, and gives it back when we win."""
    taken = charge.amount_refunded
    for dispute in disputes:
        if dispute.status not in _NOT_TAKEN:
            taken += dispute.amount if dispute.currency == charge.currency else charge.amount
    return min(Fraction(taken, charge.amount), Fraction(1))


def _transaction(
    transaction_id: str, marks: Marks, state: State, created: int, refunded: Fraction = Fraction(0)
) -> StoreTransaction:
    return StoreTransaction(
        transaction_id=transaction_id,
        product_id=marks.product_id,
        state=state,
        bought_at=marks.offered_at or dt.datetime.fromtimestamp(created, dt.UTC),
        account=marks.account,
        refunded=refunded,
    )
