"""Buying coins and what they are worth."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, DecimalText, Id, Money, WireTime


class PurchaseCoin(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    title: str = ""
    coin: int = 0
    price: int = 0
    """Rounded: iOS loses the whole answer on 4.99."""
    price_decimal: DecimalText = "0.00"
    """The same, exact."""
    transaction_id: str = ""
    device: str = ""
    created: WireTime = NO_TIME


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """The document's name for a purchase."""

    id: Id = 0
    coin: int = 0
    price: Money = 0
    created: WireTime = NO_TIME


class CoinWorth(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    price: Money = 0
    """Cash per coin."""


class CoinPackage(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    coins: int = 0
    price: Money = 0
    title: str = ""
    product_id: str = ""
