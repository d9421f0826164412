from __future__ import annotations

import pytest

from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from tests.control_plane.live.readers import new_stream


@pytest.fixture
async def stream_id(database: Database) -> StreamId:
    return await new_stream(database)
