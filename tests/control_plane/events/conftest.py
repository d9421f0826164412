from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.db.pool import Database
from control_plane.events.hub import Hub
from control_plane.events.log import EventLog
from control_plane.ids import StreamId
from tests.control_plane.events.readers import in_background, new_stream


@pytest.fixture
async def stream_id(database: Database) -> StreamId:
    return await new_stream(database)


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[Hub]:
    hub = Hub(database, period_s=0.1)
    async with in_background(hub.run()):
        yield hub


@pytest.fixture
async def log(database: Database, hub: Hub) -> AsyncIterator[EventLog]:
    """Its events are offered to the hub."""
    log = EventLog(database, hub)
    yield log
    await log.close()
