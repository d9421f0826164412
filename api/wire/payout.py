"""Payout details, and requests for a payout."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, DecimalText, Flag, Id, Money, WireTime, wire_time
from control_plane.payouts.model import Details, State
from control_plane.payouts.model import Payout as StoredPayout

_STATUS = {State.REQUESTED: 0, State.APPROVED: 0, State.PAID: 1, State.REJECTED: 2}


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """Where the user is paid out to."""

    id: Id = 0
    user_id: Id = 0
    type: str = ""
    """`paypal`, `bank` or `wallet`."""
    value: str = ""
    """The address, most of it hidden: `j•••@example.com`. In the answer of addPayout: the address that the app sent."""
    primary: Flag = 1
    created: WireTime = NO_TIME


class WithdrawRequest(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    coin: int = 0
    amount: Money = 0
    amount_decimal: DecimalText = "0.00"
    """The exact amount."""
    currency: str = ""
    email: str = ""
    """The address that it goes to, most of it hidden."""
    status: int = 0
    """0: open. 1: paid. 2: rejected."""
    state: str = ""
    """`requested`, `approved`, `paid` or `rejected`."""
    reason: str = ""
    """Why it was rejected."""
    reference: str = ""
    """The bank's reference of the payment."""
    updated: WireTime = NO_TIME
    created: WireTime = NO_TIME


def details_view(details: Details, value: str = "") -> Payout:
    """`value`: the whole address, if the caller has just sent it."""
    return Payout(
        id=details.id,
        user_id=details.user_id,
        type=details.address.method.value,
        value=value or details.address.shown,
        created=wire_time(details.changed_at or details.created_at),
    )


def request_view(payout: StoredPayout) -> WithdrawRequest:
    return WithdrawRequest(
        id=payout.id,
        user_id=payout.user_id,
        coin=payout.coins,
        amount=float(payout.amount),
        amount_decimal=str(payout.amount),
        currency=payout.currency,
        email=payout.shown,
        status=_STATUS[payout.state],
        state=payout.state.value,
        reason=payout.reason,
        reference=payout.bank_reference,
        updated=wire_time(payout.updated_at),
        created=wire_time(payout.created_at),
    )
