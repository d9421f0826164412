from __future__ import annotations

import asyncio
import datetime as dt
import json

import msgspec
import pytest

from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.gifts.events import Person
from control_plane.live import store
from control_plane.live.figures import Gifter
from control_plane.live.snapshot import Resume, Snapshot, recovers
from tests.control_plane.live.readers import Unheard, end, give, new_stream, say
from tests.control_plane.people import new_user


@pytest.mark.parametrize(
    ("resume", "replayed", "recovered"),
    [
        (None, 0, False),
        (Resume(1500, "k3f9"), 0, True),
        (Resume(1490, "k3f9"), 10, True),
        (Resume(1490), 10, False),
        (Resume(1490, "another"), 0, False),
        (Resume(1501, "k3f9"), 0, False),
        (Resume(500, "k3f9"), 1000, True),
        (Resume(499, "k3f9"), 0, False),
        (Resume(1490, "k3f9"), 9, False),
    ],
    ids=[
        "nothing to go on from",
        "nothing missed",
        "ten missed",
        "ten missed, of whichever log",
        "another log",
        "beyond the newest",
        "a thousand missed",
        "more than a thousand missed",
        "one of them dropped",
    ],
)
def test_recovery(resume: Resume | None, replayed: int, recovered: bool) -> None:
    assert recovers(resume, "k3f9", 1500, replayed) is recovered


async def read(database: Database, stream_id: StreamId, resume: Resume | None = None) -> Snapshot:
    async with database.connection() as connection:
        snapshot = await store.snapshot(connection, stream_id, resume)
    assert snapshot is not None
    return snapshot


async def test_the_snapshot_of_a_stream(database: Database) -> None:
    host = await new_user(database)
    live_at = dt.datetime(2026, 1, 31, 12, 0, 0, 123000, dt.UTC)
    stream_id = await new_stream(database, host, title="Tea", status="live", source_id="a", live_at=live_at, likes=5)
    log = EventLog(database, Unheard())
    gifters = []
    for coins in range(12):
        user_id = await new_user(database, f"fan{coins}-")
        username = await database.fetchval("select username from app_user where id = $1", user_id)
        await give(log, stream_id, Person(user_id, username, ""), 100 + coins, host)
        gifters.append(Gifter(user_id, username, 100 + coins))
    snapshot = await read(database, stream_id)
    assert (snapshot.last_seq, snapshot.closed, snapshot.recovered, snapshot.replay) == (12, False, False, [])
    view = snapshot.view(3, lambda path: f"http://host/{path}/index.m3u8")
    assert json.loads(msgspec.json.encode(view)) == {
        "id": stream_id,
        "user_id": host,
        "status": "live",
        "title": "Tea",
        "started_at": "2026-01-31T12:00:00.123Z",
        "viewers": 3,
        "likes": 5,
        "coins": sum(range(100, 112)),
        "playback_url": f"http://host/live/of-{host}/index.m3u8",
        "top_gifters": msgspec.to_builtins(gifters[:1:-1]),
        "pinned": None,
        "chat": [],
        "cohosts": [],
    }


async def test_before_the_first_publish_nothing_has_started(database: Database, stream_id: StreamId) -> None:
    snapshot = await read(database, stream_id)
    assert (snapshot.status, snapshot.view(0, str).started_at) == ("created", None)


async def test_a_stream_that_does_not_exist_has_no_snapshot(database: Database) -> None:
    async with database.connection() as connection:
        assert await store.snapshot(connection, StreamId(404), None) is None
        assert await store.audiences(connection, [StreamId(404)]) == {}


async def test_the_replay_is_what_was_said_after(database: Database, stream_id: StreamId) -> None:
    log = EventLog(database, Unheard())
    for reason in "abcde":
        await say(log, stream_id, reason)
    epoch = (await read(database, stream_id)).epoch
    snapshot = await read(database, stream_id, Resume(2, epoch))
    replayed = [msgspec.json.decode(frame) for frame in snapshot.replay]
    assert [(event["seq"], event["data"]["reason"]) for event in replayed] == [(3, "c"), (4, "d"), (5, "e")]
    assert snapshot.recovered
    unknown = await read(database, stream_id, Resume(2))
    assert (unknown.recovered, unknown.replay) == (False, []), "2 may be the number of an event that a restore lost"
    whole = await read(database, stream_id, Resume(0))
    assert len(whole.replay) == 5


@pytest.mark.parametrize("resume", [Resume(2, "another"), Resume(6), Resume(10**17), Resume(0)])
async def test_what_cannot_be_recovered_is_not_replayed(
    database: Database, stream_id: StreamId, resume: Resume
) -> None:
    log = EventLog(database, Unheard())
    for _ in range(5):
        await say(log, stream_id)
    await database.execute("delete from stream_event where seq = 1")
    snapshot = await read(database, stream_id, resume)
    assert (snapshot.recovered, snapshot.replay) == (False, [])


async def test_more_than_a_thousand_missed_events_are_not_replayed(database: Database, stream_id: StreamId) -> None:
    log = EventLog(database, Unheard())
    await asyncio.gather(*(say(log, stream_id) for _ in range(1001)))
    epoch = (await read(database, stream_id)).epoch
    assert len((await read(database, stream_id, Resume(1, epoch))).replay) == 1000
    snapshot = await read(database, stream_id, Resume(0))
    assert (snapshot.recovered, snapshot.replay) == (False, [])


async def test_an_ended_stream_is_closed(database: Database, stream_id: StreamId) -> None:
    await end(EventLog(database, Unheard()), stream_id)
    snapshot = await read(database, stream_id)
    assert (snapshot.status, snapshot.closed, snapshot.last_seq) == ("ended", True, 1)
