"""SQL of coin packages, their terms over time, and the products of stores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.payments.packages import COIN_PACKAGES, CURRENCY, CoinPackage
from control_plane.payments.sale import Package, Product

_PACKAGES = """
    select id, product_id, title, coins, price_minor, currency from coin_package where active order by coins, id
"""
# Without those whose product id an operator has given to another package.
_SEED_PACKAGES = """
    insert into coin_package (id, product_id, title, coins, price_minor, currency)
    select *, $6 from unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::integer[])
        as release (id, product_id, title, coins, price_minor)
    where not exists (select from coin_package other where other.product_id = release.product_id and other.id <> release.id)
    on conflict (id) do update set
        product_id = case when 'product_id' = any (coin_package.own) then coin_package.product_id else excluded.product_id end,
        title = case when 'title' = any (coin_package.own) then coin_package.title else excluded.title end,
        coins = case when 'coins' = any (coin_package.own) then coin_package.coins else excluded.coins end,
        price_minor = case when 'price_minor' = any (coin_package.own) then coin_package.price_minor else excluded.price_minor end,
        currency = case when 'currency' = any (coin_package.own) then coin_package.currency else excluded.currency end
"""
# The last terms that began before the purchase; for a purchase that is older than all of them, the first ones: an
# operator adds a product after it was sold.
_IN_FORCE = "order by since <= $3 desc, abs(extract(epoch from since - $3)) limit 1"
_PRODUCT = f"""
    with own as (
        select package_id, price_minor, currency from store_product where store = $1 and product_id = $2 {_IN_FORCE}
    ), sold as (
        select package_id, price_minor, currency from own
        union all
        select id, null, null from coin_package where product_id = $2 and not exists (select from own)
    )
    select package_id, $2 as product_id, title, coins, coalesce(sold.price_minor, terms.price_minor) as price_minor,
        coalesce(sold.currency, terms.currency) as currency
    from sold cross join lateral (
        select title, coins, price_minor, currency from coin_package_terms where package_id = sold.package_id {_IN_FORCE}
    ) as terms
"""
_OFFERED = """
    select package.id as package_id, coalesce(own.product_id, package.product_id) as product_id, title, coins,
        coalesce(own.price_minor, package.price_minor) as price_minor, coalesce(own.currency, package.currency) as currency
    from coin_package package left join lateral (
        select product_id, price_minor, currency from store_product
        where package_id = package.id and store = $1 order by since desc limit 1
    ) as own on true
    where active order by coins, package.id
"""


async def packages(source: Connection | Database) -> Sequence[Package]:
    """The packages on sale, smallest first."""
    return [Package(**row) for row in await source.fetch(_PACKAGES)]


async def product(source: Connection | Database, store: str, product_id: str, bought_at: dt.datetime) -> Product | None:
    """What the store's product was when it was bought. Also finds a package that is no longer on sale."""
    row = await source.fetchrow(_PRODUCT, store, product_id, bought_at)
    return None if row is None else Product(**row)


async def offered(source: Connection | Database, store: str) -> Sequence[Product]:
    """The packages on sale, with the product ids and prices of this store, smallest first."""
    return [Product(**row) for row in await source.fetch(_OFFERED, store)]


async def seed_packages(connection: Connection, release: Sequence[CoinPackage] = COIN_PACKAGES) -> None:
    """Bring this release's packages into `coin_package`. What operators changed or retired is left as it is."""
    rows = [(p.id, p.product_id, p.title, p.coins, p.price_minor) for p in release]
    await connection.execute(_SEED_PACKAGES, *zip(*rows, strict=True), CURRENCY)
