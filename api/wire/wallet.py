"""Coin packages, purchases, the cash worth of coins, and daily check-ins."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from api.wire.values import NO_TIME, DecimalText, Id, Money, WireTime, wire_time
from control_plane.payments.sale import Package, Product, Purchase
from control_plane.rewards.model import Checkin


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
    currency: str = ""
    title: str = ""
    product_id: str = ""


def purchase_view(purchase: Purchase, transaction_id: str) -> PurchaseCoin:
    """`transaction_id`: as the app sent it, which may be a whole receipt."""
    price = _price(purchase)
    return PurchaseCoin(
        id=purchase.id,
        user_id=purchase.user_id,
        title=purchase.title,
        coin=purchase.coins,
        price=round(price),
        price_decimal=str(price),
        transaction_id=transaction_id,
        device=purchase.device,
        created=wire_time(purchase.created_at),
    )


def transaction_view(purchase: Purchase) -> Transaction:
    return Transaction(
        id=purchase.id, coin=purchase.coins, price=float(_price(purchase)), created=wire_time(purchase.created_at)
    )


def _price(purchase: Purchase) -> Decimal:
    return Decimal(purchase.price_minor).scaleb(-2)


def package_view(package: Package) -> CoinPackage:
    return CoinPackage(
        id=package.id,
        coins=package.coins,
        price=package.price_minor / 100,
        currency=package.currency,
        title=package.title,
        product_id=package.product_id,
    )


def offer_view(product: Product) -> CoinPackage:
    """A package as one store sells it."""
    return CoinPackage(
        id=product.package_id,
        coins=product.coins,
        price=product.price_minor / 100,
        currency=product.currency,
        title=product.title,
        product_id=product.product_id,
    )


class DailyCheckin(msgspec.Struct, frozen=True, kw_only=True):
    user_id: Id = 0
    day: str = ""
    """Such as 2026-01-31, in UTC."""
    streak: int = 0
    """Days in a row with a check-in, this one included."""
    coin: int = 0
    """Coins that the user got for it."""
    created: WireTime = NO_TIME


def checkin_view(checkin: Checkin) -> DailyCheckin:
    return DailyCheckin(
        user_id=checkin.user_id,
        day=checkin.day.isoformat(),
        streak=checkin.streak,
        coin=checkin.coins,
        created=wire_time(checkin.created_at),
    )
