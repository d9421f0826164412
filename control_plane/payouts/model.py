"""Payout details, requests and their states, and the terms of payouts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId

CENT = Decimal("0.01")


class Method(StrEnum):
    """Kinds of addresses that payouts go to."""

    PAYPAL = "paypal"
    """An email address."""
    BANK = "bank"
    """An IBAN."""
    WALLET = "wallet"


class State(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    PAID = "paid"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a payout goes, in its normal form."""

    method: Method
    value: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted address, and how it is shown where it is not decrypted."""

    method: Method
    sealed: bytes
    key_id: str
    shown: str


@dataclass(frozen=True, slots=True)
class Details:
    """The address of a user."""

    id: int
    user_id: UserId
    address: Sealed
    created_at: dt.datetime
    changed_at: dt.datetime | None
    """None: it is the first one."""


class Payout(msgspec.Struct, frozen=True):
    """A request for a payout, without its address."""

    id: int
    user_id: UserId
    coins: int
    cash_per_coin: Decimal
    amount: Decimal
    currency: str
    method: Method
    shown: str
    """The address that it was made with, as lists show it. Empty: the user is removed."""
    state: State
    created_at: dt.datetime
    approved_at: dt.datetime | None
    approved_by: str | None
    exported_at: dt.datetime | None
    """When it was written into a file for the bank."""
    ended_at: dt.datetime | None
    """When it was paid or rejected."""
    reason: str
    """Of a rejection."""
    bank_reference: str

    @property
    def is_open(self) -> bool:
        return self.state in (State.REQUESTED, State.APPROVED)

    @property
    def updated_at(self) -> dt.datetime:
        return self.ended_at or self.approved_at or self.created_at


@dataclass(frozen=True, slots=True)
class Terms:
    cash_per_coin: Decimal
    currency: str
    least: int
    """Fewest coins of a payout."""
    hold: dt.timedelta
    """Coins earned within this time cannot be withdrawn yet."""
    change_hold: dt.timedelta
    """No payout for this time after a change of the address."""
    two_operators_from: int
    """From this number of coins, one operator approves and another one pays. 0: never."""

    def worth(self, coins: int) -> Decimal:
        """Rounded down to the cent."""
        return (self.cash_per_coin * coins).quantize(CENT, ROUND_DOWN)

    def held_until(self, details: Details | None, now: dt.datetime) -> dt.datetime | None:
        """None: no payout is held."""
        if details is None or details.changed_at is None or details.changed_at + self.change_hold <= now:
            return None
        return details.changed_at + self.change_hold


class AlreadyRequested(ControlPlaneError):
    """The apps compare this text. On any other refusal of a request, Android asks for the payout address."""

    code = "payout_already_requested"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You have already requested a payout.")


class NoPayoutDetails(ControlPlaneError):
    code = "no_payout_details"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Please add the address that your payouts go to first.")


class OtherPayoutDetails(ControlPlaneError):
    """A request names another address than the stored one."""

    code = "other_payout_details"
    kind = ErrorKind.REFUSED

    def __init__(self, shown: str) -> None:
        super().__init__(f"Your payouts go to {shown}. To use another address, please change it first.")


class SavedAddressUnreadable(ControlPlaneError):
    """The stored address cannot be decrypted, so another one cannot be compared with it. What the log has is for operators
    (`Unreadable`)."""

    code = "saved_payout_address_unreadable"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__(
            "We cannot read your saved payout address at the moment, so nothing was changed. Please try again later. If "
            "this message stays, please contact support."
        )


class InvalidPayoutDetails(ControlPlaneError):
    code = "invalid_payout_details"
    kind = ErrorKind.REFUSED


class ProofNeeded(ControlPlaneError):
    """A change of the address needs more than a session."""

    code = "payout_proof_needed"
    kind = ErrorKind.REFUSED

    def __init__(self, page: str) -> None:
        super().__init__(
            "Your payout address has not been changed. To change it, please confirm with your password, or with a code "
            f"that we send to you, on your account page: {page}"
        )


class NoWayToProve(ControlPlaneError):
    code = "no_way_to_prove"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Please add an email address or a phone number to your account first: we send the code to it.")


class PayoutOnHold(ControlPlaneError):
    code = "payout_on_hold"
    kind = ErrorKind.REFUSED

    def __init__(self, until: dt.datetime) -> None:
        super().__init__(
            f"Your payout address was changed. For your safety, payouts are possible again from {until:%Y-%m-%d %H:%M} UTC."
        )


class TooFewCoins(ControlPlaneError):
    code = "too_few_coins"
    kind = ErrorKind.REFUSED

    def __init__(self, least: int, withdrawable: int) -> None:
        super().__init__(f"A payout has at least {least} coins. You can withdraw {withdrawable}.")


class NotWithdrawable(ControlPlaneError):
    code = "not_withdrawable"
    kind = ErrorKind.REFUSED

    def __init__(self, withdrawable: int, fresh: int) -> None:
        noun = "coin" if withdrawable == 1 else "coins"
        later = f" {fresh} more can be withdrawn later, because you earned them only now." if fresh else ""
        super().__init__(f"You can withdraw {withdrawable} {noun}: only coins that you earned are paid out.{later}")


class InvalidCoins(ControlPlaneError):
    code = "invalid_coins"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The number of coins must be a whole number above 0.")
