"""The stream lifecycle: its transitions, the events that viewers get, and the stored publisher sessions."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId, UserId
from control_plane.streams import store
from control_plane.streams.access import Verdict
from control_plane.streams.media.model import MediaConnection, MediaSource, SourceId
from control_plane.streams.model import EndReason, Status, Stream, StreamOptions, Visibility
from tests.control_plane.bus.proxy import wire
from tests.control_plane.people import new_user
from tests.control_plane.streams.process import Process, process
from tests.waiting import until

OPTIONS = StreamOptions()
CREATED_AT = dt.datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=dt.UTC)
NOTHING = {"duration_s": 0, "peak_viewers": 0, "coins": 0, "likes": 0}


def publisher(source_id: str, kind: str = "rtmpConn", protocol: str = "rtmp") -> MediaConnection:
    return MediaConnection(
        MediaSource(kind, SourceId(source_id)), CREATED_AT, f"10.0.0.1:{len(source_id)}", protocol, "FMLE/3.0", 0
    )


A, B = publisher("a"), publisher("b", "srtConn", "srt")


async def live(here: Process, user_id: UserId, connection: MediaConnection = A) -> Stream:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    online = await here.lifecycle.publisher_online(made.id, connection, 0)
    assert online is not None
    return online


def session(connection: MediaConnection, **changes: Any) -> dict[str, Any]:
    """The row of a publisher, while it exists."""
    return {
        "source_id": connection.source.id,
        "protocol": connection.protocol,
        "address": connection.remote_address,
        "user_agent": connection.user_agent,
        "started_at": CREATED_AT,
        "over": False,
        "end_reason": None,
        "inbound_bytes": 0,
        **changes,
    }


async def stored(here: Process, stream_id: StreamId) -> Stream:
    """The stream in the database. It must equal this process's table, unless it has ended."""
    row = await store.get(here.database, stream_id)
    assert row is not None
    assert here.running.get(stream_id) == (None if row.ended else row)
    return row


async def log_closed(here: Process, stream_id: StreamId) -> bool:
    return bool(await here.database.fetchval("select closed from stream_log where stream_id = $1", stream_id))


# ── going live ──


async def test_a_stream_begins_with_the_wishes_of_its_owner(here: Process, user_id: UserId) -> None:
    options = StreamOptions("Song", Visibility.PAID, "hash", 5, 90, "2026-01-31 13:00:00")
    before = utc_now()
    made = await here.lifecycle.go_live(user_id, options)
    assert made == Stream(
        id=made.id,
        user_id=user_id,
        path=made.path,
        status=Status.CREATED,
        key_version=1,
        key_salt=made.key_salt,
        visibility=Visibility.PAID,
        price=5,
        title="Song",
        grace_s=90,
        source_id=None,
        local_start="2026-01-31 13:00:00",
        created_at=made.created_at,
        live_at=None,
        interrupted_at=None,
        ended_at=None,
        end_reason=None,
        revoked_at=None,
        coins=0,
        likes=0,
        peak_viewers=0,
    )
    assert made.path == f"live/{made.id}"
    assert before <= made.created_at <= utc_now() + dt.timedelta(milliseconds=1)
    assert await stored(here, made.id) == made
    assert await here.events(made.id) == []
    assert not await log_closed(here, made.id)
    assert await here.publish(made) is Verdict.ALLOW, (
        "its answer may reach the phone, and the phone the media server, at once"
    )


async def test_one_that_was_not_published_to_is_answered_again_with_the_new_wishes(
    here: Process, user_id: UserId
) -> None:
    first = await here.lifecycle.go_live(user_id, StreamOptions("First"))
    options = StreamOptions("Second", Visibility.PIN, "hash", 3, 0, "later")
    second = await here.lifecycle.go_live(user_id, options)
    assert second == dataclasses.replace(
        first, title="Second", visibility=Visibility.PIN, price=3, grace_s=0, local_start="later"
    )
    assert await stored(here, first.id) == second
    assert await here.events(first.id) == []
    assert await here.database.fetchval("select pin_hash from stream where id = $1", first.id) == "hash"


@pytest.mark.parametrize("interrupted", [False, True])
async def test_one_that_was_published_to_is_replaced(here: Process, user_id: UserId, *, interrupted: bool) -> None:
    old = await live(here, user_id)
    if interrupted:
        await here.lifecycle.publisher_lost(old.id, A.source.id, "publisher_lost", 0)
    new = await here.lifecycle.go_live(user_id, StreamOptions("New"))
    assert (new.id != old.id, new.status, new.title) == (True, Status.CREATED, "New")
    ended = await stored(here, old.id)
    assert (ended.status, ended.end_reason) == (Status.ENDED, EndReason.REPLACED)
    assert (await here.statuses(old.id))[-1] == ("ended", "replaced")
    assert await here.publish(old) is Verdict.UNKNOWN_STREAM
    assert await here.publish(new) is Verdict.ALLOW


async def test_after_the_end_a_new_one_begins(here: Process, user_id: UserId) -> None:
    old = await here.lifecycle.go_live(user_id, OPTIONS)
    await here.lifecycle.end(old.id, EndReason.OWNER)
    new = await here.lifecycle.go_live(user_id, OPTIONS)
    assert (new.id != old.id, new.status) == (True, Status.CREATED)
    assert (await stored(here, old.id)).end_reason is EndReason.OWNER


@pytest.mark.parametrize("processes", [1, 2])
async def test_two_calls_at_once_are_one_stream(here: Process, user_id: UserId, dsn: str, processes: int) -> None:
    async with process(dsn) as there:
        callers = [here, there][:processes] * (8 // processes)
        made = await asyncio.gather(*(caller.lifecycle.go_live(user_id, OPTIONS) for caller in callers))
    assert {stream.id for stream in made} == {made[0].id}
    assert await here.database.fetchval("select count(*) from stream") == 1
    assert await here.database.fetchval("select count(*) from stream_log") == 1


async def test_streams_of_different_people_do_not_touch(here: Process) -> None:
    users = [await new_user(here.database) for _ in range(5)]
    made = await asyncio.gather(*(here.lifecycle.go_live(user_id, OPTIONS) for user_id in users))
    assert len({stream.id for stream in made}) == len({stream.path for stream in made}) == 5
    assert set(here.running.all()) == set(made)


# ── publishers come and go ──


async def test_the_first_publisher_makes_it_live(here: Process, user_id: UserId) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    online = await here.lifecycle.publisher_online(made.id, A, 0)
    assert online is not None
    assert online == dataclasses.replace(made, status=Status.LIVE, source_id=A.source.id, live_at=online.live_at)
    assert online.live_at is not None
    assert await stored(here, made.id) == online
    assert await here.events(made.id) == [{"status": "live"}]
    assert await here.sessions(made.id) == [session(A)]


async def test_a_repeated_arrival_changes_nothing(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    assert await here.lifecycle.publisher_online(online.id, A, 5) is None
    assert await stored(here, online.id) == online
    assert await here.events(online.id) == [{"status": "live"}]
    assert await here.sessions(online.id) == [session(A)]


async def test_a_lost_publisher_interrupts_it(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    lost = await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 1234)
    assert lost is not None
    assert lost == dataclasses.replace(
        online, status=Status.INTERRUPTED, source_id=None, interrupted_at=lost.interrupted_at
    )
    assert lost.interrupted_at is not None
    assert await stored(here, online.id) == lost
    assert await here.events(online.id) == [{"status": "live"}, {"status": "interrupted", "reason": "publisher_lost"}]
    assert await here.sessions(online.id) == [session(A, over=True, end_reason="publisher_lost", inbound_bytes=1234)]
    assert await here.publish(online) is Verdict.ALLOW, "the same key lets it return"


async def test_a_publisher_that_returns_goes_on_with_the_same_stream(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 10)
    again = await here.lifecycle.publisher_online(online.id, B, 0)
    assert again == dataclasses.replace(online, source_id=B.source.id)
    assert again.live_at == online.live_at, "of the first publish"
    assert await here.statuses(online.id) == [("live", None), ("interrupted", "publisher_lost"), ("live", None)]
    assert await here.sessions(online.id) == [
        session(A, over=True, end_reason="publisher_lost", inbound_bytes=10),
        session(B),
    ]


async def test_the_same_connection_may_return(here: Process, user_id: UserId) -> None:
    """It was only out of sight: the media server did not answer for a while."""
    online = await live(here, user_id)
    await here.lifecycle.publisher_lost(online.id, A.source.id, "media_server_lost", 10)
    assert await here.lifecycle.publisher_online(online.id, A, 0) == online
    assert await here.sessions(online.id) == [session(A, inbound_bytes=10)]
    await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 50)
    assert await here.sessions(online.id) == [session(A, over=True, end_reason="publisher_lost", inbound_bytes=50)]


async def test_a_second_publisher_takes_over(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    taken = await here.lifecycle.publisher_online(online.id, B, 777)
    assert taken == dataclasses.replace(online, source_id=B.source.id)
    assert await stored(here, online.id) == taken
    assert await here.statuses(online.id) == [("live", None), ("live", None)], (
        "the media server has dropped every viewer"
    )
    assert await here.sessions(online.id) == [
        session(A, over=True, end_reason="taken_over", inbound_bytes=777),
        session(B),
    ]


async def test_the_late_end_of_an_old_connection_changes_nothing(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    taken = await here.lifecycle.publisher_online(online.id, B, 777)
    assert await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 888) is None
    assert await stored(here, online.id) == taken
    assert await here.statuses(online.id) == [("live", None), ("live", None)]
    assert [row["inbound_bytes"] for row in await here.sessions(online.id)] == [777, 0]


async def test_a_publisher_cannot_be_lost_twice(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    lost = await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 1)
    assert await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 2) is None
    assert await stored(here, online.id) == lost
    assert len(await here.events(online.id)) == 2


# ── the end ──


async def prepare_created(here: Process, user_id: UserId) -> Stream:
    return await here.lifecycle.go_live(user_id, OPTIONS)


async def prepare_interrupted(here: Process, user_id: UserId) -> Stream:
    online = await live(here, user_id)
    lost = await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 5)
    assert lost is not None
    return lost


@pytest.mark.parametrize("reason", EndReason)
@pytest.mark.parametrize("prepare", [prepare_created, live, prepare_interrupted])
async def test_it_ends_from_every_state(
    here: Process, user_id: UserId, prepare: Callable[[Process, UserId], Awaitable[Stream]], reason: EndReason
) -> None:
    before = await prepare(here, user_id)
    ended = await here.lifecycle.end(before.id, reason)
    assert ended is not None
    assert ended == dataclasses.replace(
        before,
        status=Status.ENDED,
        source_id=None,
        ended_at=ended.ended_at,
        end_reason=reason,
        revoked_at=ended.ended_at,
    )
    assert await stored(here, before.id) == ended
    assert (await here.events(before.id))[-1] == {"status": "ended", "reason": reason.value, "summary": NOTHING}
    assert await log_closed(here, before.id)
    assert await here.publish(before) is Verdict.UNKNOWN_STREAM
    assert await here.read(before.path) is Verdict.UNKNOWN_STREAM
    assert all(row["over"] for row in await here.sessions(before.id))


async def test_the_end_sums_up(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    await here.database.execute(
        "update stream set live_at = now() - interval '90 seconds', coins = 12, likes = 7 where id = $1", online.id
    )
    here.peak_viewers[online.id] = 31
    ended = await here.lifecycle.end(online.id, EndReason.OWNER, 4321)
    assert ended is not None
    duration_s = ended.duration_s()
    assert 90 <= duration_s < 100
    assert ended.peak_viewers == 31
    summary = {"duration_s": duration_s, "peak_viewers": 31, "coins": 12, "likes": 7}
    assert (await here.events(online.id))[-1] == {"status": "ended", "reason": "owner", "summary": summary}
    assert await here.sessions(online.id) == [session(A, over=True, end_reason="owner", inbound_bytes=4321)]


async def test_the_most_viewers_ever_are_kept(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    await here.database.execute("update stream set peak_viewers = 50 where id = $1", online.id)
    here.peak_viewers[online.id] = 31
    ended = await here.lifecycle.end(online.id, EndReason.OWNER)
    assert ended is not None
    assert ended.peak_viewers == 50


async def test_what_is_over_stays_over(here: Process, user_id: UserId) -> None:
    online = await live(here, user_id)
    ended = await here.lifecycle.end(online.id, EndReason.OWNER)
    sessions, events = await here.sessions(online.id), await here.events(online.id)
    assert await here.lifecycle.end(online.id, EndReason.OPERATOR) is None
    assert await here.lifecycle.publisher_online(online.id, B, 9) is None
    assert await here.lifecycle.publisher_lost(online.id, A.source.id, "publisher_lost", 9) is None
    assert await here.lifecycle.rotate(online.id) is None
    assert await stored(here, online.id) == ended
    assert (await here.sessions(online.id), await here.events(online.id)) == (sessions, events)


async def test_of_concurrent_ends_one_succeeds(here: Process, user_id: UserId, dsn: str) -> None:
    online = await live(here, user_id)
    async with process(dsn) as there:
        outcomes = await asyncio.gather(
            *(caller.lifecycle.end(online.id, reason) for reason in EndReason for caller in (here, there))
        )
    (ended,) = [outcome for outcome in outcomes if outcome is not None]
    assert [status for status, _ in await here.statuses(online.id)] == ["live", "ended"]
    assert (await store.get(here.database, online.id)) == ended


async def test_an_arrival_and_the_end_at_once_leave_it_ended(here: Process, user_id: UserId) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    await asyncio.gather(
        here.lifecycle.publisher_online(made.id, A, 0),
        here.lifecycle.end(made.id, EndReason.OWNER),
        here.lifecycle.publisher_online(made.id, B, 0),
    )
    assert (await stored(here, made.id)).status is Status.ENDED
    assert (await here.statuses(made.id))[-1] == ("ended", "owner")
    assert all(row["over"] for row in await here.sessions(made.id))


# ── a new key ──


@pytest.mark.parametrize("prepare", [prepare_created, live, prepare_interrupted])
async def test_who_is_not_proven_gets_the_stream_as_it_is(
    here: Process, user_id: UserId, prepare: Callable[[Process, UserId], Awaitable[Stream]]
) -> None:
    await prepare(here, user_id)
    before = await store.unfinished_of(here.database, user_id)
    options = StreamOptions("New", Visibility.PRIVATE, grace_s=0)
    assert before is not None
    assert await here.lifecycle.go_live(user_id, options, proven=False) == before
    assert await stored(here, before.id) == before


@pytest.mark.parametrize("prepare", [prepare_created, live, prepare_interrupted])
async def test_a_new_key_replaces_the_old_at_once(
    here: Process, user_id: UserId, prepare: Callable[[Process, UserId], Awaitable[Stream]]
) -> None:
    before = await prepare(here, user_id)
    events = await here.events(before.id)
    rotated = await here.lifecycle.rotate(before.id)
    assert rotated is not None
    assert rotated == dataclasses.replace(
        before, key_version=2, key_salt=rotated.key_salt, revoked_at=rotated.revoked_at
    )
    assert rotated.key_salt != before.key_salt, "a version that is counted twice, after a restore, has another key"
    assert rotated.revoked_at is not None
    assert await stored(here, before.id) == rotated
    assert await here.publish(before, version=1) is Verdict.KEY_WRONG
    assert await here.publish(rotated, version=2) is Verdict.ALLOW
    assert await here.publish(before, version=2) is Verdict.KEY_WRONG
    assert await here.events(before.id) == events, "viewers are not told"
    again = await here.lifecycle.rotate(before.id)
    assert again == await stored(here, before.id)
    assert again.key_version == 3


# ── a connection that dies at the commit ──


async def test_a_change_whose_commit_is_not_answered_has_happened_once_and_is_known(dsn: str) -> None:
    async with wire(dsn) as line, process(line.dsn, follows=True) as here:
        made = await here.lifecycle.go_live(await new_user(here.database), OPTIONS)
        line.cut_at_commit = True
        await here.lifecycle.publisher_online(made.id, A, 0)
        assert not line.cut_at_commit
        await until(lambda: all(stream.status is Status.LIVE for stream in here.running.all()))
        assert (await stored(here, made.id)).source_id == A.source.id
        assert await here.events(made.id) == [{"status": "live"}]
        assert await here.sessions(made.id) == [session(A)]


async def test_an_end_whose_commit_is_not_answered_is_known_as_one(dsn: str) -> None:
    """The writer tries again, and hears that it is over already: by whom, only the row knows."""
    async with wire(dsn) as line, process(line.dsn, follows=True) as here:
        made = await here.lifecycle.go_live(await new_user(here.database), OPTIONS)
        line.cut_at_commit = True
        assert await here.lifecycle.end(made.id, EndReason.OWNER) is None
        await until(lambda: not here.running.all())
        assert await here.publish(made) is Verdict.UNKNOWN_STREAM


async def test_an_end_is_known_even_if_its_caller_is_gone(here: Process, user_id: UserId) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    async with here.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", made.id)
        ending = asyncio.create_task(here.lifecycle.end(made.id, EndReason.OWNER))
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait([ending])
        assert here.running.all()
    await until(lambda: not here.running.all())
