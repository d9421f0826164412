"""Coins for money: what is on sale, and what was sold."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import UserId


@dataclass(frozen=True, slots=True)
class Package:
    """Coins at a price, as the database has it."""

    id: int
    product_id: str
    """What the stores call it."""
    title: str
    coins: int
    price_minor: int
    """In hundredths of the currency's unit."""
    currency: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """Coins and price are those of the package at that time."""

    id: int
    user_id: UserId
    store: str
    transaction_id: str
    """The store's own, which may be shorter than what the app sent."""
    product_id: str
    title: str
    coins: int
    price_minor: int
    currency: str
    device: str
    created_at: dt.datetime
