"""Coin packages on sale, products of stores, and purchases."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import UserId


@dataclass(frozen=True, slots=True)
class Package:
    """A coin package, as stored in the database."""

    id: int
    product_id: str
    """The stores' id of this package, unless a store has one of its own."""
    title: str
    coins: int
    price_minor: int
    """In hundredths of the currency's unit."""
    currency: str


@dataclass(frozen=True, slots=True)
class Product:
    """A coin package as one store sells it, with the terms of one moment."""

    package_id: int
    product_id: str
    """The store's id."""
    title: str
    coins: int
    price_minor: int
    """In hundredths of the currency's unit."""
    currency: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase. Coins and price are the product's at the time of the purchase, times the quantity."""

    id: int
    user_id: UserId
    store: str
    transaction_id: str
    """The store's own id. It may be shorter than the receipt that the app sent."""
    product_id: str
    title: str
    coins: int
    price_minor: int
    currency: str
    device: str
    refunded_coins: int
    """Taken back, because the store refunded their price."""
    bought_at: dt.datetime
    created_at: dt.datetime
