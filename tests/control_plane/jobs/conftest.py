from __future__ import annotations

import pytest

from control_plane.db.pool import Database
from tests.control_plane.jobs.factory import MARKS, Factory


@pytest.fixture
async def factory(database: Database) -> Factory:
    await database.execute(MARKS)
    return Factory(database)
