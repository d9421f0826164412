"""Accounts: whose coins, and of which kind. Every movement of coins is between accounts."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, NewType

from control_plane.base.ids import UserId

TransferId = NewType("TransferId", int)

LARGEST_AMOUNT = 10**12
"""Coins in one transfer."""
LARGEST_BALANCE = 10**15
"""Coins of one account: exact as a JSON number everywhere, and far from the end of 64 bits."""


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
    """None: the system's, of which there is one of each kind. It keeps no balance and is never locked."""
    kind: Kind


def bought(user_id: UserId) -> Account:
    """Coins that the user paid for or was given: for gifts, not for withdrawal."""
    return Account(user_id, Kind.BOUGHT)


def earned(user_id: UserId) -> Account:
    """Coins that others gave."""
    return Account(user_id, Kind.EARNED)


STORE = Account(None, Kind.STORE)
ADJUSTMENT = Account(None, Kind.ADJUSTMENT)
