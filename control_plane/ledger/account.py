"""Ledger accounts: an owner and a kind. Every transfer moves coins between accounts."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, NewType

from control_plane.base.ids import UserId

TransferId = NewType("TransferId", int)

LARGEST_AMOUNT = 10**12
"""Coins that one entry of a transfer may add to an account."""
LARGEST_BALANCE = 10**15
"""Coins of one account. Above 2**53 (9 * 10**15), clients that read JSON numbers as doubles lose coins by rounding."""


class Kind(StrEnum):
    BOUGHT = "bought"
    EARNED = "earned"
    DEBT = "debt"
    STORE = "store"
    COMMISSION = "commission"
    ADJUSTMENT = "adjustment"
    PAYOUT = "payout"


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


STORE = Account(None, Kind.STORE)
ADJUSTMENT = Account(None, Kind.ADJUSTMENT)
