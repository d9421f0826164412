from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.db.pool import Database
from tests.control_plane.gifts.stage import Stage


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    stage = Stage(database)
    await stage.open()
    yield stage
    await stage.close()
