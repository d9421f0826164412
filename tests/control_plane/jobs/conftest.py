from __future__ import annotations

import pytest

from control_plane.db.pool import Database
from tests.control_plane.jobs.factory import MARKS, Factory
from tests.postgres import by_owner


@pytest.fixture
async def factory(database: Database) -> Factory:
    await by_owner(database, MARKS)
    return Factory(database)
