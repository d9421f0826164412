"""PostgreSQL's view of what our connections do."""

from __future__ import annotations

import asyncio

from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from tests.waiting import DEADLINE_S

_WAITING_FOR_LOCK = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'stagedoor' and wait_event_type = 'Lock'
"""


async def waiting_backend(watcher: Connection | Database, deadline_s: float = DEADLINE_S) -> int:
    """Wait until a connection of a pool waits for a lock; returns its process id. Do not call it in a transaction, in
    which this view may not change."""
    async with asyncio.timeout(deadline_s):
        while (pid := await watcher.fetchval(_WAITING_FOR_LOCK)) is None:
            pass
    return int(pid)
