from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.db.pool import Database
from tests.api.live_socket.live import House, serving


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with serving(database) as house:
        yield house
    assert house.hub.sockets() == 0, "every path detaches"
