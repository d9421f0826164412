"""SQL of payments: coin packages and purchases."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.ledger.account import TransferId
from control_plane.payments.packages import COIN_PACKAGES, CURRENCY
from control_plane.payments.sale import Package, Purchase

_PACKAGE_COLUMNS = "id, product_id, title, coins, price_minor, currency"
_PACKAGES = f"select {_PACKAGE_COLUMNS} from coin_package where active order by coins, id"
_PACKAGE = f"select {_PACKAGE_COLUMNS} from coin_package where product_id = $1"
_SEED_PACKAGES = """
    insert into coin_package (id, product_id, title, coins, price_minor, currency)
    select *, $6 from unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::integer[])
    on conflict (id) do update set product_id = excluded.product_id, title = excluded.title, coins = excluded.coins,
        price_minor = excluded.price_minor, currency = excluded.currency
"""
_PURCHASE_COLUMNS = """
    purchase.id, purchase.user_id, purchase.store, purchase.transaction_id, product_id, package.title, purchase.coins,
    purchase.price_minor, purchase.currency, purchase.device, purchase.created_at
"""
_FIND_PURCHASE = f"""
    select {_PURCHASE_COLUMNS} from purchase join coin_package package using (product_id)
    where store = $1 and transaction_id = $2
"""
_TITLES = """
    select transfer_id, title from purchase join coin_package using (product_id) where transfer_id = any($1::bigint[])
"""
_RECORD_PURCHASE = f"""
    with purchase as (
        insert into purchase (user_id, store, transaction_id, product_id, coins, price_minor, currency, device, transfer_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (store, transaction_id) do nothing
        returning *
    )
    select {_PURCHASE_COLUMNS} from purchase join coin_package package using (product_id)
"""
_EXPORT = """
    select id, store, transaction_id, product_id, coins, price_minor, currency, device, created_at from purchase
    where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_FORGET = "update purchase set device = '' where user_id = $1 and device <> ''"


async def packages(source: Connection | Database) -> Sequence[Package]:
    """The packages on sale, smallest first."""
    return [Package(**row) for row in await source.fetch(_PACKAGES)]


async def package(source: Connection | Database, product_id: str) -> Package | None:
    """Also finds a package that is no longer on sale, because it may have been paid for before."""
    row = await source.fetchrow(_PACKAGE, product_id)
    return None if row is None else Package(**row)


async def seed_packages(connection: Connection) -> None:
    """Upsert this release's packages into `coin_package`. The column `active` is left as it is."""
    rows = [(p.id, p.product_id, p.title, p.coins, p.price_minor) for p in COIN_PACKAGES]
    await connection.execute(_SEED_PACKAGES, *zip(*rows, strict=True), CURRENCY)


async def find_purchase(source: Connection | Database, store: str, transaction_id: str) -> Purchase | None:
    row = await source.fetchrow(_FIND_PURCHASE, store, transaction_id)
    return None if row is None else Purchase(**row)


async def titles_of_transfers(database: Database, transfer_ids: Sequence[TransferId]) -> dict[TransferId, str]:
    """The titles of the packages that were bought with these transfers."""
    return {row["transfer_id"]: row["title"] for row in await database.fetch(_TITLES, transfer_ids)}


async def record_purchase(
    connection: Connection,
    user_id: UserId,
    store: str,
    transaction_id: str,
    sold: Package,
    device: str,
    transfer_id: TransferId,
) -> Purchase | None:
    """None: the transaction is credited already. Waits for a concurrent call that credits the same transaction."""
    terms = (sold.product_id, sold.coins, sold.price_minor, sold.currency)
    row = await connection.fetchrow(_RECORD_PURCHASE, user_id, store, transaction_id, *terms, device, transfer_id)
    return None if row is None else Purchase(**row)


async def exported_purchases(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """Remove the names of the devices that bought. The purchases stay, because the ledger refers to them."""
    await connection.execute(_FORGET, user_id)
