from __future__ import annotations

import pytest

from control_plane.db.pool import Database
from control_plane.payments.packages_store import seed_packages
from tests.control_plane.payments.shopping import Shopping


@pytest.fixture
async def shopping(database: Database) -> Shopping:
    async with database.transaction() as connection:
        await seed_packages(connection)
    return Shopping(database)
