"""Coin packages, purchases and the cash worth of coins."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, DecimalText, Id, Money, WireTime


class PurchaseCoin(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    title: str = ""
    coin: int = 0
    price: int = 0
    """Rounded to a whole number, because iOS cannot read an answer with 4.99 here."""
    price_decimal: DecimalText = "0.00"
    """The exact price."""
    transaction_id: str = ""
    device: str = ""
    created: WireTime = NO_TIME


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase, under the name that the apps' API document uses."""

    id: Id = 0
    coin: int = 0
    price: Money = 0
    created: WireTime = NO_TIME


class CoinWorth(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    price: Money = 0
    """The cash worth of one coin."""


class CoinPackage(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    coins: int = 0
    price: Money = 0
    title: str = ""
    product_id: str = ""
