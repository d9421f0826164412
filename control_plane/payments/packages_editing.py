"""Operators edit the coin packages and the products of stores. What was bought before keeps its terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.connections import Connection
from control_plane.ledger.amounts import BASIS_POINTS
from control_plane.payments import packages_editing_store as store

LONGEST_TITLE = 60
LARGEST_COINS = 10_000_000
LARGEST_PRICE_MINOR = 10_000_000
"""100,000.00: larger than any store takes."""
_PRODUCT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_PRICE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?", re.ASCII)


class SellingStore(StrEnum):
    """The stores that a product can have an id or a price of its own in, by their names in the purchases."""

    APPLE = "apple"
    GOOGLE = "google"
    STRIPE = "stripe"
    SANDBOX = "sandbox"


class InvalidPackage(ControlPlaneError):
    code = "invalid_package"
    kind = ErrorKind.STOPS


class PackageNotFound(ControlPlaneError):
    code = "package_not_found"
    kind = ErrorKind.STOPS

    def __init__(self, package_id: int) -> None:
        super().__init__(
            f"There is no coin package {package_id}. `stagedoor catalogue packages list --all` lists them."
        )


def price_minor(price: str) -> int:
    """The price in hundredths, from a text such as 4.99. Raises InvalidPackage."""
    minor = int(Decimal(price).scaleb(2)) if _PRICE.fullmatch(price) else 0
    if not 1 <= minor <= LARGEST_PRICE_MINOR:
        raise InvalidPackage(f"A price is 0.01 to {LARGEST_PRICE_MINOR // 100:,}, such as 4.99.")
    return minor


def makes_profit(coins: int, price_minor: int, cash_per_coin: Decimal, commission_bps: int) -> bool:
    """Whether coins that are bought, given to another user and cashed out bring more than they cost. The price is
    in the currency of the cash."""
    paid_out = cash_per_coin * coins * (BASIS_POINTS - commission_bps) / BASIS_POINTS
    return paid_out > Decimal(price_minor).scaleb(-2)


async def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Add a package; `values` has all columns. Raises InvalidPackage."""
    checked = _checked(values)
    _check_product_id(checked["product_id"])
    if await store.packages_of_product(connection, checked["product_id"]):
        raise InvalidPackage(f"Another package has the product id {checked['product_id']}. Give --product-id.")
    return await store.add(connection, checked)


async def edit(connection: Connection, package_id: int, values: Mapping[str, Any]) -> None:
    """The columns that are left out stay as they are. Raises InvalidPackage and PackageNotFound."""
    if not await store.edit(connection, package_id, _checked(values)):
        raise PackageNotFound(package_id)


async def set_active(connection: Connection, package_id: int, *, active: bool) -> None:
    """Sell the package, or retire it. A purchase that was paid before is still credited. Raises PackageNotFound."""
    if not await store.set_active(connection, package_id, active=active):
        raise PackageNotFound(package_id)


async def set_product(
    connection: Connection,
    package_id: int,
    of: SellingStore,
    product_id: str,
    price_minor: int | None = None,
    currency: str | None = None,
) -> None:
    """Set the package's product in a store, from now on. Without a price: the package's. Raises InvalidPackage and
    PackageNotFound."""
    _check_product_id(product_id)
    if currency is not None:
        _check_currency(currency)
    if await store.packages_of_product(connection, product_id, of.value) - {package_id}:
        raise InvalidPackage(f"Another package has the product id {product_id}, and what was bought by it.")
    if not await store.add_product(connection, package_id, of.value, product_id, price_minor, currency):
        raise PackageNotFound(package_id)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(values)
    if "title" in values:
        values["title"] = _title(values["title"])
    if not 1 <= values.get("coins", 1) <= LARGEST_COINS:
        raise InvalidPackage(f"A package has 1 to {LARGEST_COINS:,} coins.")
    if "currency" in values:
        _check_currency(values["currency"])
    return values


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= LONGEST_TITLE or not title.isprintable():
        raise InvalidPackage(f"The title of a package has 1 to {LONGEST_TITLE} printable characters.")
    return title


def _check_product_id(product_id: str) -> None:
    if not _PRODUCT_ID.fullmatch(product_id):
        raise InvalidPackage("A product id has 1 to 100 letters, digits, dots, dashes and underscores.")


def _check_currency(currency: str) -> None:
    if not _CURRENCY.fullmatch(currency):
        raise InvalidPackage("A currency is a code of three capital letters, such as USD.")
