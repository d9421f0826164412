from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.sections import social
from api.sections.users import edit, profile
from control_plane.base.ids import UserId
from tests.api.sections.calling import Calls, calling
from tests.control_plane.people import new_user


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    sections = (*social.SECTIONS, profile.section, edit.section)
    async with calling(dsn, tmp_path, *sections, address_rate=100_000, user_rate=100_000) as calls:
        yield calls


@pytest.fixture
async def ben(calls: Calls) -> UserId:
    return await new_user(calls.database, "ben")


@pytest.fixture
async def bens(calls: Calls, ben: UserId) -> str:
    """Ben's session token."""
    return await calls.token(ben)
