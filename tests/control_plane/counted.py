"""The counters as tests compare them: counted again from their rows."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.db.pool import Database
from control_plane.operations.counters_store import COUNTED, Wrong, wrong


async def wrong_counters(database: Database) -> Sequence[Wrong]:
    """Those that differ from the number of their rows."""
    async with database.connection() as connection:
        return [one for name in COUNTED for one in await wrong(connection, name, 10)]
