"""Coin packages have terms over time, and products of their own in each store."""

from __future__ import annotations

import datetime as dt

from control_plane.db.pool import Database
from control_plane.payments.packages import COIN_PACKAGES
from control_plane.payments.packages_store import offered, packages, product, seed_packages
from control_plane.payments.sale import Product
from tests.control_plane.ledger.books import audit
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.people import new_user
from tests.postgres import by_owner

NOW = dt.datetime.now(dt.UTC)
AGO = dt.timedelta(days=1)


async def seed(database: Database) -> None:
    async with database.transaction() as connection:
        await seed_packages(connection)


async def terms_since(database: Database, days_ago: int) -> None:
    """The newest terms of package 1 began so many days ago."""
    await by_owner(
        database,
        f"""
        update coin_package_terms set since = now() - interval '{days_ago} days'
        where package_id = 1 and since = (select max(since) from coin_package_terms where package_id = 1)
        """,
    )


async def test_seeding_packages_again_changes_nothing_but_what_differs(database: Database) -> None:
    await seed(database)
    await database.execute("update coin_package set coins = 1, active = id <> 2 where id in (1, 2)")
    await seed(database)

    on_sale = await packages(database)

    assert [(p.id, p.product_id, p.title, p.coins, p.price_minor, p.currency) for p in on_sale] == [
        (p.id, p.product_id, p.title, p.coins, p.price_minor, "USD") for p in COIN_PACKAGES if p.id != 2
    ]


async def test_what_was_bought_before_a_change_keeps_its_terms(database: Database) -> None:
    await seed(database)
    await terms_since(database, 20)
    await database.execute("update coin_package set coins = 120, price_minor = 149, title = '120 coins' where id = 1")
    await terms_since(database, 10)
    await database.execute("update coin_package set active = false where id = 1")
    assert await database.fetchval("select count(*) from coin_package_terms where package_id = 1") == 2, "no new terms"

    old = Product(1, "coins_100", "100 coins", 100, 99, "USD")
    new = Product(1, "coins_100", "120 coins", 120, 149, "USD")
    for days, terms in ((30, old), (20, old), (11, old), (9, new), (0, new), (-1, new)):
        assert await product(database, "apple", "coins_100", NOW - AGO * days) == terms, days
    assert await product(database, "apple", "coins_101", NOW) is None


async def test_terms_that_change_twice_in_one_transaction_are_the_last_ones(database: Database) -> None:
    await seed(database)
    await terms_since(database, 1)
    async with database.transaction() as connection:
        for coins in (110, 120):
            await connection.execute("update coin_package set coins = $1 where id = 1", coins)
    found = await product(database, "apple", "coins_100", NOW + AGO)
    assert found is not None
    assert found.coins == 120


async def test_a_store_has_products_of_its_own(database: Database) -> None:
    await seed(database)
    await database.execute(
        """
        insert into store_product (store, product_id, since, package_id, price_minor, currency) values
            ('apple', 'com.example.gold', now() - interval '20 days', 2, 599, 'EUR'),
            ('apple', 'com.example.gold', now() - interval '10 days', 2, 699, 'EUR'),
            ('stripe', 'price_1', now(), 2, null, null)
        """
    )
    prices = []
    for days in (30, 15, 5):
        found = await product(database, "apple", "com.example.gold", NOW - AGO * days)
        assert found is not None
        prices.append((found.coins, found.price_minor, found.currency))
    assert prices == [(500, 599, "EUR"), (500, 599, "EUR"), (500, 699, "EUR")]
    assert await product(database, "google", "com.example.gold", NOW) is None, "the id is Apple's"
    assert await product(database, "stripe", "price_1", NOW) == Product(2, "price_1", "500 coins", 500, 499, "USD")
    default = Product(2, "coins_500", "500 coins", 500, 499, "USD")
    assert await product(database, "apple", "coins_500", NOW) == default, "sold before"

    by_store = {store: (await offered(database, store))[1] for store in ("apple", "google", "stripe")}
    assert by_store == {
        "apple": Product(2, "com.example.gold", "500 coins", 500, 699, "EUR"),
        "google": default,
        "stripe": Product(2, "price_1", "500 coins", 500, 499, "USD"),
    }


async def test_a_purchase_has_the_terms_of_its_time(database: Database, shopping: Shopping) -> None:
    """A claim that waited is credited with what was sold."""
    ann = await new_user(database)
    sold = shopping.real.sell()
    await database.execute("update coin_package set coins = 1, price_minor = 999 where id = 1")
    bought = (await shopping.present(ann, sold)).purchase
    assert (bought.coins, bought.price_minor) == (100, 99)
    later = (await shopping.present(ann, shopping.real.sell())).purchase
    assert (later.coins, later.price_minor) == (1, 999)
    assert await audit(database) == 101
