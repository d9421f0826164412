"""The coin packages that come with the server. Operators change them and add others (`packages_editing.py`), whose ids begin
at FIRST_OWN_ID."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

CURRENCY = "USD"
FIRST_OWN_ID = 1001


@dataclass(frozen=True, slots=True)
class CoinPackage:
    id: int
    coins: int
    price: Decimal
    """In whole units of the currency."""
    title: str
    product_id: str
    """The stores' id of this package."""

    @property
    def price_minor(self) -> int:
        return int(self.price.scaleb(2))


COIN_PACKAGES: tuple[CoinPackage, ...] = (
    CoinPackage(1, 100, Decimal("0.99"), "100 coins", "coins_100"),
    CoinPackage(2, 500, Decimal("4.99"), "500 coins", "coins_500"),
    CoinPackage(3, 1_000, Decimal("9.49"), "1,000 coins", "coins_1000"),
    CoinPackage(4, 2_500, Decimal("22.99"), "2,500 coins", "coins_2500"),
    CoinPackage(5, 5_000, Decimal("43.99"), "5,000 coins", "coins_5000"),
    CoinPackage(6, 10_000, Decimal("84.99"), "10,000 coins", "coins_10000"),
)
