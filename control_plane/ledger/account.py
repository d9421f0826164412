"""Ledger accounts: an owner and a kind. Every transfer moves coins between accounts."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, NewType

from control_plane.base.ids import UserId

TransferId = NewType("TransferId", int)

LARGEST_AMOUNT = 10**12
"""Coins that one entry of a transfer may add to an account."""
LARGEST_BALANCE = 10**15
"""Coins of one account. Above 2**53 (9 * 10**15), clients that read JSON numbers as doubles lose coins by rounding."""


class Kind(StrEnum):
    """A user has BOUGHT, EARNED, REWARD and DEBT accounts; the other kinds, and REWARD too, are system accounts."""

    BOUGHT = "bought"
    EARNED = "earned"
    REWARD = "reward"
    DEBT = "debt"
    STORE = "store"
    COMMISSION = "commission"
    PAYOUT_RESERVED = "payout_reserved"
    PAYOUT_PAID = "payout_paid"
    ADJUSTMENT = "adjustment"


class Account(NamedTuple):
    owner_id: UserId | None
    """None: the system account of that kind, which keeps no balance and is never locked."""
    kind: Kind


def bought(user_id: UserId) -> Account:
    """Coins that the user paid for or got from an operator. They pay for gifts and cannot be withdrawn."""
    return Account(user_id, Kind.BOUGHT)


def earned(user_id: UserId) -> Account:
    """Coins from gifts that the user received. They can be withdrawn."""
    return Account(user_id, Kind.EARNED)


def reward(user_id: UserId) -> Account:
    """Coins that the server gave away, and coins from gifts that were paid with them. They pay for gifts and can never
    be withdrawn."""
    return Account(user_id, Kind.REWARD)


def debt(user_id: UserId) -> Account:
    """Coins of refunded purchases that the user had spent: zero or below. The next purchases pay it first."""
    return Account(user_id, Kind.DEBT)


def accounts_of(user_id: UserId) -> Sequence[Account]:
    return [bought(user_id), earned(user_id), reward(user_id), debt(user_id)]


STORE = Account(None, Kind.STORE)
"""Coins sold. Below zero: its coins are those that users bought."""
COMMISSION = Account(None, Kind.COMMISSION)
"""The installation's share of gifts."""
PAYOUT_RESERVED = Account(None, Kind.PAYOUT_RESERVED)
"""Coins of open requests for a payout."""
PAYOUT_PAID = Account(None, Kind.PAYOUT_PAID)
"""Coins paid out."""
REWARDS = Account(None, Kind.REWARD)
"""Coins given away as rewards, below zero."""
ADJUSTMENT = Account(None, Kind.ADJUSTMENT)
