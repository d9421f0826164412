from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.control_plane.watched_database import WatchedDatabase, watched_database


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[WatchedDatabase]:
    async with watched_database(dsn) as database:
        yield database
