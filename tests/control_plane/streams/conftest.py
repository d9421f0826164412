from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.control_plane.people import new_user
from tests.control_plane.streams.process import Process, process


@pytest.fixture
async def user_id(database: Database) -> UserId:
    return await new_user(database)


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Process]:
    """A single process."""
    async with process(dsn) as made:
        yield made
