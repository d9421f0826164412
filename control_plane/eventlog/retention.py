"""Deletes the events of streams that ended some days ago.

The row of the log is kept, with its epoch and its last number: a client that resumes on such a stream gets a snapshot,
or continues if it has missed nothing. Gifts and coins have their own tables, from which nothing is deleted.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.eventlog import store
from control_plane.jobs.kind import job

STREAMS = 1000
"""Streams examined by one statement. More: its locks and its time grow. Fewer: more statements."""
EVENTS = 5000
"""Events deleted by one statement. More: a slow disk misses the statement's deadline, and locks are held for longer.
Fewer: more statements."""


@dataclass(frozen=True, slots=True)
class Retention:
    database: Database
    days: int
    """Days after a stream's end; 0 keeps the events."""


@job(every="23 * * * *")
async def delete_old_events(retention: Retention) -> None:
    if not retention.days:
        return
    database, after = retention.database, StreamId(0)
    while logs := await store.logs_with_events(database, after, dt.timedelta(days=retention.days), STREAMS):
        for log in logs:
            while log.ended_before and await store.delete_events(database, log.stream_id, EVENTS):
                pass
        after = logs[-1].stream_id
