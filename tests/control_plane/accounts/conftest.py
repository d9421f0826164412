from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.control_plane.watched_database import WatchedDatabase


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[WatchedDatabase]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=10) as pool:
        yield WatchedDatabase(pool)
