"""The gifts and coin packages of a new database, also in production."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.gifts.store import seed_catalogue
from control_plane.payments.packages_store import seed_packages

_ANY_GIFT = "select exists (select from gift)"
_ANY_PACKAGE = "select exists (select from coin_package)"


async def add_stock(database: Database) -> None:
    """Add gifts and coin packages where there are none. Existing ones stay as the operator left them."""
    async with database.transaction() as connection:
        if not await connection.fetchval(_ANY_GIFT):
            await seed_catalogue(connection)
        if not await connection.fetchval(_ANY_PACKAGE):
            await seed_packages(connection)
