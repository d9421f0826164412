"""Retention: which data of ended streams is deleted."""

from __future__ import annotations

import datetime as dt

import pytest

from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.eventlog import retention
from control_plane.eventlog.log import EventLog
from control_plane.eventlog.retention import Retention, delete_old_events
from control_plane.live.hub import Hub
from control_plane.live.snapshot import Resume
from control_plane.live.subscriber import DisconnectReason
from tests.control_plane.live.readers import Reader, end, new_stream, say

DAYS = 30


async def stream_that_ended(database: Database, log: EventLog, days_ago: float, events: int = 3) -> StreamId:
    stream_id = await new_stream(database)
    for _ in range(events - 1):
        await say(log, stream_id)
    await end(log, stream_id)
    ended_at = utc_now() - dt.timedelta(days=days_ago)
    await database.execute("update stream set ended_at = $2 where id = $1", stream_id, ended_at)
    return stream_id


async def number_of_events(database: Database, stream_id: StreamId) -> int:
    return int(await database.fetchval("select count(*) from stream_event where stream_id = $1", stream_id))


async def delete_old(database: Database, days: int = DAYS) -> None:
    await delete_old_events.bind(Retention(database, days)).run(None)


async def test_events_are_deleted_some_days_after_the_end(
    database: Database, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STREAMS", 2)
    monkeypatch.setattr(retention, "EVENTS", 2)
    old = [await stream_that_ended(database, log, DAYS + 0.1, events) for events in (1, 5, 4)]
    young = await stream_that_ended(database, log, DAYS - 0.1)
    oldest = await stream_that_ended(database, log, 10 * DAYS)
    running = await new_stream(database)
    await say(log, running)
    for _ in range(2):
        await delete_old(database)
        assert [await number_of_events(database, stream_id) for stream_id in (*old, oldest)] == [0, 0, 0, 0]
        assert [await number_of_events(database, stream_id) for stream_id in (young, running)] == [3, 1]


async def test_zero_days_keep_them(database: Database, log: EventLog) -> None:
    stream_id = await stream_that_ended(database, log, 10_000)
    await delete_old(database, 0)
    assert await number_of_events(database, stream_id) == 3


async def test_who_comes_back_to_a_deleted_log_starts_from_the_snapshot(
    database: Database, log: EventLog, hub: Hub
) -> None:
    stream_id = await stream_that_ended(database, log, DAYS + 1)
    before = await Reader().join(hub, stream_id)
    await delete_old(database)
    missed_some = await Reader().join(hub, stream_id, resume=Resume(1, before.hello["epoch"]))
    assert (missed_some.hello["recovered"], missed_some.hello["seq"], missed_some.events) == (False, 3, [])
    missed_none = await Reader().join(hub, stream_id, resume=Resume(3, before.hello["epoch"]))
    assert (missed_none.hello["recovered"], missed_none.events) == (True, [])
    assert {reader.left for reader in (before, missed_some, missed_none)} == {DisconnectReason.ENDED}
