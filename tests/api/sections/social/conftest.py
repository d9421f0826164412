from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.sections.apps import Apps, apps_of
from tests.control_plane.watched_database import WatchedDatabase


@pytest.fixture
async def apps(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Apps]:
    """Without limits of calls: all callers of a test have one address."""
    async with apps_of(dsn, database, tmp_path, address_rate=100_000, user_rate=100_000) as apps:
        yield apps
