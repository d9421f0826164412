"""The gifts and coin packages that come with this release, also in production."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.gifts.store import seed_catalogue
from control_plane.payments.packages_store import seed_packages


async def add_stock(database: Database) -> None:
    """Bring those of this release, with their pictures. What an operator changed or retired stays so."""
    async with database.transaction() as connection:
        await seed_catalogue(connection)
        await seed_packages(connection)
