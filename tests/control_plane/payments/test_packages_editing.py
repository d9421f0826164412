"""Operators edit the coin packages: what a start brings and what it leaves, and what was bought before."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from control_plane.base.clock import utc_now
from control_plane.db.migrate import migrations
from control_plane.db.pool import Database
from control_plane.payments import packages_editing as editing
from control_plane.payments.packages import COIN_PACKAGES, FIRST_OWN_ID
from control_plane.payments.packages_editing import (
    InvalidPackage,
    PackageNotFound,
    SellingStore,
    makes_profit,
    price_minor,
)
from control_plane.payments.packages_store import offered, packages, product, seed_packages
from control_plane.payments.sale import Package, Product

NEW: dict[str, Any] = {
    "title": "A bag",
    "coins": 700,
    "price_minor": 650,
    "currency": "EUR",
    "product_id": "bag_of_700",
}
NEXT_RELEASE = [replace(package, title=f"New {package.title}", coins=package.coins + 1) for package in COIN_PACKAGES]


async def start(database: Database, release: Any = COIN_PACKAGES) -> dict[int, Package]:
    """The packages on sale after a start of this release."""
    async with database.transaction() as connection:
        await seed_packages(connection, release)
    return {package.id: package for package in await packages(database)}


async def edit(database: Database, package_id: int, **values: Any) -> None:
    async with database.transaction() as connection:
        await editing.edit(connection, package_id, values)


async def add(database: Database, **values: Any) -> int:
    async with database.transaction() as connection:
        return await editing.add(connection, {**NEW, **values})


async def set_product(database: Database, package_id: int, of: SellingStore, product_id: str, **terms: Any) -> None:
    async with database.transaction() as connection:
        await editing.set_product(connection, package_id, of, product_id, **terms)


async def bought(database: Database, product_id: str, at: dt.datetime, store: str = "apple") -> Product:
    found = await product(database, store, product_id, at)
    assert found is not None
    return found


async def test_a_start_brings_what_the_operator_did_not_set(database: Database) -> None:
    await start(database)
    await edit(database, 1, coins=120)
    await edit(database, 1, price_minor=89, currency="EUR")
    async with database.transaction() as connection:
        await editing.set_active(connection, 2, active=False)
    for release, named in ((COIN_PACKAGES, ""), (NEXT_RELEASE, "New ")):
        sold = await start(database, release)
        assert sold[1] == Package(1, "coins_100", f"{named}100 coins", 120, 89, "EUR")
        assert sold[3].title == f"{named}1,000 coins"
        assert 2 not in sold
    assert sold[3].coins == 1001
    async with database.transaction() as connection:
        await editing.set_active(connection, 2, active=True)
    assert 2 in await start(database)


async def test_an_added_package_is_on_sale_and_no_release_takes_its_ids(database: Database) -> None:
    await start(database)
    package_id = await add(database)
    assert package_id >= FIRST_OWN_ID > max(package.id for package in COIN_PACKAGES)
    clash = replace(COIN_PACKAGES[0], id=7, product_id="bag_of_700")
    sold = await start(database, [*COIN_PACKAGES, clash])
    assert sold[package_id] == Package(package_id, "bag_of_700", "A bag", 700, 650, "EUR")
    assert 7 not in sold
    assert (await bought(database, "bag_of_700", utc_now())).coins == 700


async def test_what_was_bought_before_keeps_its_terms(database: Database) -> None:
    await start(database)
    await set_product(database, 1, SellingStore.APPLE, "gold", price_minor=199, currency="USD")
    before: dt.datetime = await database.fetchval("select now()")
    await edit(database, 1, coins=50, title="50 coins")
    await set_product(database, 1, SellingStore.APPLE, "gold", price_minor=299, currency="USD")
    await set_product(database, 1, SellingStore.APPLE, "silver")
    async with database.transaction() as connection:
        await editing.set_active(connection, 1, active=False)
    now: dt.datetime = await database.fetchval("select now()")
    assert await bought(database, "gold", before) == Product(1, "gold", "100 coins", 100, 199, "USD")
    assert await bought(database, "gold", now) == Product(1, "gold", "50 coins", 50, 299, "USD")
    assert await bought(database, "silver", now) == Product(1, "silver", "50 coins", 50, 99, "USD")
    assert await bought(database, "coins_100", before, "google") == Product(1, "coins_100", "100 coins", 100, 99, "USD")


async def test_the_stores_offer_the_newest_product_of_each_package(database: Database) -> None:
    await start(database)
    await set_product(database, 1, SellingStore.GOOGLE, "gold")
    await set_product(database, 1, SellingStore.GOOGLE, "silver", price_minor=89, currency="EUR")
    (first, second, *_) = await offered(database, "google")
    assert (first.product_id, first.price_minor, first.currency) == ("silver", 89, "EUR")
    assert (second.product_id, second.price_minor) == ("coins_500", 499)
    assert (await offered(database, "apple"))[0].product_id == "coins_100"


async def test_a_product_stays_with_its_package(database: Database) -> None:
    await start(database)
    await set_product(database, 1, SellingStore.APPLE, "gold")
    await set_product(database, 1, SellingStore.APPLE, "silver")
    await set_product(database, 2, SellingStore.GOOGLE, "gold")  # another store's
    for package_id, product_id in ((2, "gold"), (2, "silver"), (2, "coins_100"), (1, "coins_500")):
        with pytest.raises(InvalidPackage, match="Another package has the product id"):
            await set_product(database, package_id, SellingStore.APPLE, product_id)
    for product_id in ("gold", "coins_100"):
        with pytest.raises(InvalidPackage, match="Another package has the product id"):
            await add(database, product_id=product_id)
    await set_product(database, 1, SellingStore.APPLE, "gold")


async def test_what_is_no_package_changes_nothing(database: Database) -> None:
    before = await start(database)
    wrongs: list[dict[str, Any]] = [
        *({"title": title} for title in ("", " ", "x" * 61, "a\x1bb")),
        *({"coins": coins} for coins in (0, -5, 10_000_001)),
        *({"currency": currency} for currency in ("usd", "", "EURO")),
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidPackage):
            await edit(database, 1, **wrong)
        with pytest.raises(InvalidPackage):
            await add(database, **wrong)
    for product_id in ("", "a b", "-a", "x" * 101):
        with pytest.raises(InvalidPackage):
            await add(database, product_id=product_id)
        with pytest.raises(InvalidPackage):
            await set_product(database, 1, SellingStore.APPLE, product_id)
    with pytest.raises(PackageNotFound):
        await edit(database, 99, coins=5)
    with pytest.raises(PackageNotFound):
        await set_product(database, 99, SellingStore.APPLE, "gold")
    assert await start(database) == before


@pytest.mark.parametrize(
    ("text", "minor"), [("4.99", 499), ("0.01", 1), ("5", 500), ("4.9", 490), ("100000", 10_000_000)]
)
def test_a_price_is_read_exactly(text: str, minor: int) -> None:
    assert price_minor(text) == minor


@pytest.mark.parametrize("text", ["", "0", "-1", "4.999", "4,99", "1e3", "$4.99", "100000.01", "nan", "٤"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidPackage):
        price_minor(text)


def test_a_coin_that_brings_more_than_it_costs_makes_a_profit() -> None:
    cash = Decimal("0.005")
    assert not makes_profit(100, 50, cash, 0)
    assert makes_profit(100, 49, cash, 0)
    assert not makes_profit(100, 49, cash, 1_000), "the commission takes more than the profit"
    assert not makes_profit(100, 1, Decimal(0), 0)


async def test_what_operators_changed_before_is_theirs(database: Database) -> None:
    """The migration compares with what the releases before it shipped."""
    (migration,) = [one.sql for one in migrations() if one.version == 30]
    statement = migration[migration.index("update coin_package package set own") :].partition(";")[0]
    await start(database)
    await database.execute("update coin_package set title = 'A bag', currency = 'EUR' where id = 1")
    await database.execute(statement)
    owned = await database.fetch("select id, own from coin_package where own <> '{}'")
    assert {row["id"]: row["own"] for row in owned} == {1: ["title", "currency"]}
