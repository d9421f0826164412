from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.sections.apps import Apps, apps_of
from tests.api.sections.calling import Calls
from tests.control_plane.people import new_user


@pytest.fixture
async def apps(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Apps]:
    async with apps_of(dsn, database, tmp_path) as apps:
        yield apps


@pytest.fixture
async def ann(calls: Calls) -> UserId:
    """`calls` is a fixture of the module."""
    return await new_user(calls.database, "ann")


@pytest.fixture
async def token(calls: Calls, ann: UserId) -> str:
    return await calls.token(ann)
