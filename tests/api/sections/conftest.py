from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.base.ids import UserId
from tests.api.sections.apps import Apps, apps_of
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import WatchedDatabase, watched_database


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[WatchedDatabase]:
    async with watched_database(dsn) as database:
        yield database


@pytest.fixture
async def apps(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Apps]:
    async with apps_of(dsn, database, tmp_path) as apps:
        yield apps


@pytest.fixture
async def ann(apps: Apps) -> UserId:
    return await new_user(apps.database, "ann")


@pytest.fixture
async def token(apps: Apps, ann: UserId) -> str:
    return await apps.token(ann)


@pytest.fixture
async def ben(apps: Apps) -> UserId:
    return await new_user(apps.database, "ben")


@pytest.fixture
async def bens(apps: Apps, ben: UserId) -> str:
    """Ben's session token."""
    return await apps.token(ben)
