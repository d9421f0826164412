"""PostgreSQL's own view of what our connections are doing."""

from __future__ import annotations

import asyncio

from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_WAITING_FOR_LOCK = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'stagedoor' and wait_event_type = 'Lock'
"""


async def waiting_backend(watcher: Connection | Database, deadline_s: float = 5.0) -> int:
    """The process of a pool's connection that waits for a lock, as soon as there is one. Not for within a transaction, where this view may stand
    still."""
    async with asyncio.timeout(deadline_s):
        while (pid := await watcher.fetchval(_WAITING_FOR_LOCK)) is None:
            pass
    return int(pid)
