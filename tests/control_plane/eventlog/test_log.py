"""The event log's one writer: order, batches, and failures in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec
import pytest

from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, DatabaseUnavailable, open_pool
from control_plane.eventlog.log import Appending, EventLog, StreamUnknown
from control_plane.eventlog.types import EventType
from control_plane.streams.events import StatusChange
from control_plane.streams.model import Status, StreamOver
from tests.control_plane.bus.proxy import Wire, wire
from tests.control_plane.live.readers import end, new_stream, say
from tests.waiting import until


class Heard:
    """Records the offered events."""

    def __init__(self) -> None:
        self.offers: list[tuple[Seq, list[str]]] = []

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        self.offers.append((first_seq, list(frames)))


async def refuse(connection: Connection, appending: Appending) -> None:
    appending.add(EventType.STATUS, StatusChange(Status.LIVE, "never"))
    raise StreamOver("This live stream has ended.")


async def spoil(connection: Connection, appending: Appending) -> None:
    await connection.execute("select 1 / 0")


async def fail(connection: Connection, appending: Appending) -> None:
    await say_within(connection, appending, "never")
    raise KeyError("a bug")


async def say_within(connection: Connection, appending: Appending, reason: str) -> None:
    appending.add(EventType.STATUS, StatusChange(Status.LIVE, reason))


async def stored(database: Database, stream_id: StreamId) -> list[tuple[int, str]]:
    """(seq, reason) of all events, after checking that log and events agree."""
    rows = await database.fetch("select seq, frame from stream_event where stream_id = $1 order by seq", stream_id)
    last_seq = await database.fetchval("select last_seq from stream_log where stream_id = $1", stream_id)
    assert [row["seq"] for row in rows] == list(range(1, last_seq + 1))
    events = [msgspec.json.decode(row["frame"]) for row in rows]
    assert [event["seq"] for event in events] == [row["seq"] for row in rows]
    return [(event["seq"], event["data"].get("reason", "")) for event in events]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def log(database: Database, heard: Heard) -> AsyncIterator[EventLog]:
    log = EventLog(database, heard)
    yield log
    await log.close()


async def test_events_have_the_order_of_the_calls(
    database: Database, log: EventLog, heard: Heard, stream_id: StreamId
) -> None:
    await asyncio.gather(*(say(log, stream_id, f"{number}") for number in range(200)))
    assert await stored(database, stream_id) == [(number + 1, f"{number}") for number in range(200)]
    assert len(heard.offers) < 10, "those that wait together share a transaction"
    assert [first for first, _ in heard.offers] == [
        1 + sum(len(frames) for _, frames in heard.offers[:number]) for number in range(len(heard.offers))
    ]


async def test_a_work_knows_the_numbers_of_its_events(log: EventLog, stream_id: StreamId) -> None:
    async def work(connection: Connection, appending: Appending) -> list[Seq]:
        first = appending.next_seq
        await say_within(connection, appending, "one")
        return [first, appending.next_seq]

    assert await asyncio.gather(*(log.append(stream_id, work) for _ in range(3))) == [[1, 2], [2, 3], [3, 4]]


async def test_streams_do_not_wait_for_each_other(database: Database, log: EventLog, stream_id: StreamId) -> None:
    other = await new_stream(database)
    async with database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        held = asyncio.create_task(say(log, stream_id))
        await say(log, other)
        assert not held.done()
    await held


@pytest.mark.parametrize(
    ("work", "error"), [(refuse, StreamOver), (spoil, asyncpg.DivisionByZeroError), (fail, KeyError)]
)
async def test_one_that_fails_among_others_harms_only_itself(
    database: Database,
    log: EventLog,
    stream_id: StreamId,
    work: object,
    error: type[Exception],
) -> None:
    before = [say(log, stream_id, f"{number}") for number in range(3)]
    after = [say(log, stream_id, f"{number}") for number in range(3, 6)]
    outcomes = await asyncio.gather(*before, log.append(stream_id, work), *after, return_exceptions=True)  # type: ignore[arg-type]
    assert [type(outcome) for outcome in outcomes] == [type(None)] * 3 + [error] + [type(None)] * 3
    assert await stored(database, stream_id) == [(number + 1, f"{number}") for number in range(6)]


async def test_a_rollback_leaves_no_gap(database: Database, log: EventLog, stream_id: StreamId) -> None:
    await say(log, stream_id, "before")
    with pytest.raises(KeyError):
        await log.append(stream_id, fail)
    await say(log, stream_id, "after")
    assert await stored(database, stream_id) == [(1, "before"), (2, "after")]


async def test_a_refusal_is_not_offered(log: EventLog, heard: Heard, stream_id: StreamId) -> None:
    with pytest.raises(StreamOver):
        await log.append(stream_id, refuse)
    assert heard.offers == []


async def test_a_cancelled_caller_does_not_cut_the_append(
    database: Database, log: EventLog, stream_id: StreamId
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(connection: Connection, appending: Appending) -> None:
        begun.set()
        await go_on.wait()
        await say_within(connection, appending, "said")

    caller = asyncio.create_task(log.append(stream_id, work))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await log.close()
    assert await stored(database, stream_id) == [(1, "said")]


async def test_what_came_of_it_is_told_even_if_the_caller_is_gone(
    database: Database, log: EventLog, stream_id: StreamId
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    told: list[object] = []

    async def work(connection: Connection, appending: Appending) -> str:
        begun.set()
        await go_on.wait()
        return "done"

    async def fail(connection: Connection, appending: Appending) -> str:
        raise ValueError("a bug")

    gone = asyncio.create_task(log.append(stream_id, work, settled=told.append))
    await begun.wait()
    gone.cancel()
    failing = asyncio.create_task(log.append(stream_id, fail, settled=told.append))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([gone, failing])
    assert told[0] == "done"
    assert [type(outcome) for outcome in told] == [str, ValueError]


async def test_a_closed_log_says_so_to_the_work(log: EventLog, stream_id: StreamId) -> None:
    async def is_closed(connection: Connection, appending: Appending) -> bool:
        return appending.closed

    before, _, after = await asyncio.gather(
        log.append(stream_id, is_closed), end(log, stream_id), log.append(stream_id, is_closed)
    )
    assert [before, after] == [False, True]
    assert await log.append(stream_id, is_closed)


async def test_a_stream_that_does_not_exist_has_no_log(log: EventLog) -> None:
    outcomes = await asyncio.gather(*(say(log, StreamId(404)) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StreamUnknown] * 3


# ── the connection breaks ──


@pytest.fixture
async def line(dsn: str) -> AsyncIterator[Wire]:
    async with wire(dsn) as line:
        yield line


@pytest.fixture
async def far_log(line: Wire, heard: Heard) -> AsyncIterator[EventLog]:
    """A log whose connections to the database can be cut."""
    far = await open_pool(line.dsn, size=2)
    log = EventLog(far, heard)
    yield log
    await log.close()
    await far.close()


async def give_once(log: EventLog, stream_id: StreamId, user_id: UserId) -> bool:
    """An idempotent work, like a gift: a repeat is recognised and changes nothing."""

    async def work(connection: Connection, appending: Appending) -> bool:
        new = await connection.fetchval(
            "insert into stream_gifter values ($1, $2, 5) on conflict do nothing returning true", stream_id, user_id
        )
        if new:
            await say_within(connection, appending, "given")
        return new is None

    return await log.append(stream_id, work)


async def test_a_connection_that_dies_at_its_commit_does_nothing_twice(
    database: Database, line: Wire, far_log: EventLog, stream_id: StreamId
) -> None:
    user_id = UserId(await database.fetchval("select user_id from stream where id = $1", stream_id))
    line.cut_at_commit = True
    done_before = await give_once(far_log, stream_id, user_id)
    assert not line.cut_at_commit
    assert done_before, "the answer got lost, not the gift"
    assert await stored(database, stream_id) == [(1, "given")]


async def test_a_connection_that_dies_in_the_middle_does_it_again(
    database: Database, log: EventLog, stream_id: StreamId
) -> None:
    attempts = 0

    async def work(connection: Connection, appending: Appending) -> None:
        nonlocal attempts
        attempts += 1
        await say_within(connection, appending, "said")
        if attempts < 3:
            await database.execute("select pg_terminate_backend($1)", connection.get_server_pid())

    await log.append(stream_id, work)
    assert attempts == 3
    assert await stored(database, stream_id) == [(1, "said")]


async def test_what_waits_for_the_database_is_done_when_it_is_back(
    database: Database, line: Wire, far_log: EventLog, stream_id: StreamId, caplog: pytest.LogCaptureFixture
) -> None:
    await line.pull_out()
    waiting = [asyncio.create_task(say(far_log, stream_id, f"{number}")) for number in range(3)]
    await until(lambda: caplog.messages.count("event_log_waits_for_the_database") >= 3)
    assert not any(task.done() for task in waiting)
    await line.plug_in()
    await asyncio.gather(*waiting)
    assert await stored(database, stream_id) == [(1, "0"), (2, "1"), (3, "2")]


async def test_no_append_waits_for_ever(line: Wire, far_log: EventLog, stream_id: StreamId) -> None:
    await line.pull_out()

    async def work(connection: Connection, appending: Appending) -> None:
        raise AssertionError("there is no database")

    started = asyncio.get_running_loop().time()
    told: list[object] = []
    outcomes = await asyncio.gather(
        *(far_log.append(stream_id, work, deadline_s=0.5, settled=told.append) for _ in range(200)),
        return_exceptions=True,
    )
    assert set(told) == set(outcomes)
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
    assert asyncio.get_running_loop().time() - started < 10


async def test_closing_lets_what_was_accepted_finish(database: Database, log: EventLog, stream_id: StreamId) -> None:
    waiting = [asyncio.create_task(say(log, stream_id)) for _ in range(100)]
    await asyncio.sleep(0)
    await log.close()
    await asyncio.gather(*waiting)
    assert len(await stored(database, stream_id)) == 100
    with pytest.raises(DatabaseUnavailable):
        await say(log, stream_id)


async def test_closing_fails_the_appends_that_cannot_be_committed(
    database: Database, log: EventLog, stream_id: StreamId
) -> None:
    async with database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        waiting = [asyncio.create_task(say(log, stream_id)) for _ in range(100)]
        await asyncio.sleep(0)
        await log.close(deadline_s=0.2)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
    assert await stored(database, stream_id) == []
