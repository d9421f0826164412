"""Deletes the events of streams that ended some days ago.

The log's row stays, with its epoch and its last number: a client that resumes on such a stream gets the snapshot, as after too long an absence,
and one that missed nothing goes on. Gifts and coins have tables of their own, which nothing deletes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.eventlog import store
from control_plane.jobs.kind import job

STREAMS = 1000
EVENTS = 5000
"""Looked at and deleted by one statement: short enough for its deadline on a slow disk, and no lock is held for long."""


@dataclass(frozen=True, slots=True)
class Retention:
    database: Database
    days: int
    """After a stream's end; 0: its events are kept."""


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
