from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.live.hub import Hub
from tests.control_plane.live.readers import PERIOD_S, line
from tests.waiting import in_background


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[Hub]:
    hub = Hub(database, line, period_s=PERIOD_S)
    async with in_background(hub.run()):
        yield hub


@pytest.fixture
async def log(database: Database, hub: Hub) -> AsyncIterator[EventLog]:
    """An event log whose events are offered to the hub."""
    log = EventLog(database, hub)
    yield log
    await log.close()
