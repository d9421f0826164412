"""SQL that edits coin packages and the products of stores. Triggers keep their terms over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_ALL = """
    select id, title, coins, price_minor, currency, product_id, active from coin_package order by active desc, coins, id
"""
_PRODUCTS = """
    select distinct on (package_id, store) package_id, store, product_id, price_minor, currency
    from store_product order by package_id, store, since desc
"""
_LOCK = "select pg_advisory_xact_lock(hashtextextended('product ids', 0))"
_OF_PRODUCT = """
    select id as package_id from coin_package where product_id = $1
    union
    select package_id from store_product where product_id = $1 and ($2::text is null or store = $2)
"""
_ADD = """
    insert into coin_package (title, coins, price_minor, currency, product_id) values ($1, $2, $3, $4, $5) returning id
"""
_EDIT = """
    update coin_package set title = coalesce($2, title), coins = coalesce($3, coins), price_minor = coalesce($4, price_minor),
        currency = coalesce($5, currency), own = array(select distinct unnest(own || $6::text[]))
    where id = $1 returning id
"""
_SET_ACTIVE = "update coin_package set active = $2 where id = $1 returning id"
_ADD_PRODUCT = """
    insert into store_product (store, product_id, package_id, price_minor, currency) values ($1, $2, $3, $4, $5)
"""


async def all_packages(source: Connection | Database) -> Sequence[Row]:
    """Those on sale first, the smallest first."""
    return await source.fetch(_ALL)


async def products(source: Connection | Database) -> Sequence[Row]:
    """The present products of stores that are not those of the package itself."""
    return await source.fetch(_PRODUCTS)


async def packages_of_product(connection: Connection, product_id: str, store: str | None = None) -> set[int]:
    """The packages that have, or had, this product id in the store, or in any store. Other operators who give product ids
    wait until the end of the transaction."""
    await connection.execute(_LOCK)
    return {row["package_id"] for row in await connection.fetch(_OF_PRODUCT, product_id, store)}


async def add(connection: Connection, values: Mapping[str, Any]) -> int:
    columns = ("title", "coins", "price_minor", "currency", "product_id")
    added: int = await connection.fetchval(_ADD, *(values[name] for name in columns))
    return added


async def edit(connection: Connection, package_id: int, values: Mapping[str, Any]) -> bool:
    """Set these columns. From now on a start leaves them as they are. False: there is no such package."""
    new = [values.get(name) for name in ("title", "coins", "price_minor", "currency")]
    return await connection.fetchval(_EDIT, package_id, *new, list(values)) is not None


async def set_active(connection: Connection, package_id: int, *, active: bool) -> bool:
    """False: there is no such package."""
    return await connection.fetchval(_SET_ACTIVE, package_id, active) is not None


async def add_product(
    connection: Connection, package_id: int, store: str, product_id: str, price_minor: int | None, currency: str | None
) -> bool:
    """False: there is no such package."""
    try:
        await connection.execute(_ADD_PRODUCT, store, product_id, package_id, price_minor, currency)
    except asyncpg.ForeignKeyViolationError:
        return False
    return True
