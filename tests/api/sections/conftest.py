from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.db.pool import Database
from tests.api.sections.apps import Apps, apps_of


@pytest.fixture
async def apps(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Apps]:
    async with apps_of(dsn, database, tmp_path) as apps:
        yield apps
