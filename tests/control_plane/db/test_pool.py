"""Every use of the database has a deadline, and an interrupted connection is never reused."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from control_plane.base.errors import ControlPlaneError
from control_plane.config.declare import InvalidSettings
from control_plane.db.connections import Connection, Connections
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, DatabaseUnavailable, connect, open_pool
from tests.postgres import as_owner
from tests.waiting import until

DEADLINE_S = 0.2
PID = "select pg_backend_pid()"
SENTENCE = "The database cannot be reached at the moment. Please try again."


class Refused(ControlPlaneError):
    code = "refused"


@pytest.fixture
async def dsn(dsn: str) -> str:
    """As the owner, because these tests make tables."""
    return as_owner(dsn)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A pool of one connection, so that the next use gets the same one, or a new one."""
    database = await open_pool(dsn, size=1)
    await database.execute("create table note (text text unique)")
    yield database
    await database.close()


@pytest.fixture
async def outsider(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@contextmanager
def given_up_in_time() -> Iterator[None]:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable) as unavailable:
        yield
    assert str(unavailable.value) == SENTENCE
    assert (
        time.monotonic() - started < DEADLINE_S + 5
    )  # generous on a busy machine, and less than any statement here takes


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a server process by SIGSTOP, so that it exists but does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """A server that accepts every connection and never answers."""
    writers: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0) as server:
        yield f"postgresql://stagedoor@127.0.0.1:{server.sockets[0].getsockname()[1]}/stagedoor"
        for writer in writers:
            writer.transport.abort()


async def notes(database: Database) -> list[str]:
    return [row["text"] for row in await database.fetch("select text from note order by text")]


async def test_the_four_short_ways_to_ask(database: Database) -> None:
    assert await database.execute("insert into note values ($1), ($2)", "a", "b") == "INSERT 0 2"
    assert [row["text"] for row in await database.fetch("select text from note order by 1")] == ["a", "b"]
    row = await database.fetchrow("select text from note where text = $1", "b")
    assert row is not None
    assert row["text"] == "b"
    assert await database.fetchrow("select text from note where text = 'c'") is None
    assert await database.fetchval("select count(*) from note") == 2


async def test_times_are_utc(database: Database) -> None:
    assert await database.fetchval("show timezone") == "UTC"


async def test_the_pool_tells_how_much_of_it_is_used(database: Database) -> None:
    assert database.usage() == (1, 0)
    async with database.connection():
        assert database.usage() == (1, 1)
    assert database.usage() == (1, 0)


# ── transactions ──


@pytest.mark.parametrize("error", [Refused("No."), ValueError("surprise"), asyncio.CancelledError()])
async def test_a_transaction_that_is_left_by_an_error_has_not_happened(
    database: Database, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    async def use() -> None:
        async with database.transaction() as connection:
            await connection.execute("insert into note values ('a')")
            raise error

    with pytest.raises(type(error)):
        await use()
    assert await notes(database) == []
    assert caplog.records == [], "asyncpg's word for a transaction that was left open"


async def test_a_transaction_is_done_when_it_is_left(database: Database, outsider: asyncpg.Connection[Any]) -> None:
    async with database.transaction() as connection:
        await connection.execute("insert into note values ('a')")
        assert await outsider.fetchval("select count(*) from note") == 0
    assert await outsider.fetchval("select count(*) from note") == 1


async def test_a_constraint_that_is_checked_at_the_commit_undoes_the_transaction(database: Database) -> None:
    await database.execute("create table late (text text unique deferrable initially deferred)")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.transaction() as connection:
            await connection.execute("insert into late values ('a'), ('a')")
    assert await database.fetch("select from late") == []


# ── what is used again, and what is not ──


async def sql_refusal(connection: Connection) -> None:
    await connection.execute("select 1 / 0")


async def our_refusal(connection: Connection) -> None:
    raise Refused("No.")


async def surprise(connection: Connection) -> None:
    raise ValueError("surprise")


async def broken(connection: Connection) -> None:
    await asyncio.wait_for(connection.execute("select pg_sleep(60)"), 0.05)


@pytest.mark.parametrize("way", ["connection", "transaction"])
@pytest.mark.parametrize(
    ("work", "error", "kept"),
    [
        (sql_refusal, asyncpg.DivisionByZeroError, True),
        (our_refusal, Refused, True),
        (surprise, ValueError, False),
        (broken, DatabaseUnavailable, False),
    ],
)
async def test_a_connection_is_used_again_only_when_it_was_left_in_order(
    database: Database, way: str, work: Callable[[Connection], Awaitable[None]], error: type[Exception], kept: bool
) -> None:
    before = await database.fetchval(PID)
    with pytest.raises(error):
        async with getattr(database, way)() as connection:
            await work(connection)
    assert (await database.fetchval(PID) == before) is kept


@pytest.mark.parametrize("way", ["connection", "transaction"])
async def test_a_use_that_is_cancelled_ends_its_connection(
    database: Database, outsider: asyncpg.Connection[Any], way: str
) -> None:
    began = asyncio.Event()

    async def use() -> None:
        async with getattr(database, way)() as connection:
            began.set()
            await connection.execute("select pg_sleep(60)")

    before = await database.fetchval(PID)
    using = asyncio.create_task(use())
    await began.wait()
    async with asyncio.timeout(5):
        while not await outsider.fetchval(
            "select exists (select from pg_stat_activity where query like '%pg_sleep(60)' and pid = $1)", before
        ):
            pass
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
        assert database.usage() == (0, 0)
        assert await database.fetchval(PID) != before


# ── deadlines ──


async def test_a_statement_that_takes_too_long_is_given_up(database: Database) -> None:
    before = await database.fetchval(PID)
    with given_up_in_time():
        await database.fetchval("select pg_sleep(60)", deadline_s=DEADLINE_S)
    assert await database.fetchval(PID) != before


async def fail_late(database: Database, error: Exception) -> None:
    async with database.connection(DEADLINE_S) as connection:
        await until(connection.is_closed)
        raise error


async def test_whatever_fails_on_a_connection_that_was_cut_off_is_its_end(database: Database) -> None:
    """Between two steps of asyncpg it is an AttributeError."""
    with given_up_in_time():
        await fail_late(database, AttributeError("of asyncpg's"))


async def test_a_refusal_that_comes_after_the_deadline_stays_one(database: Database) -> None:
    with pytest.raises(Refused):
        await fail_late(database, Refused("No."))


async def test_waiting_for_a_free_connection_counts(database: Database) -> None:
    async with database.connection():
        with given_up_in_time():
            await database.fetchval("select 1", deadline_s=DEADLINE_S)
    assert await database.fetchval("select 1") == 1


async def test_waiting_for_a_lock_counts(database: Database, outsider: asyncpg.Connection[Any]) -> None:
    async with outsider.transaction():
        await outsider.execute("lock table note")
        with given_up_in_time():
            async with database.transaction(DEADLINE_S) as connection:
                await connection.execute("insert into note values ('a')")
    assert await notes(database) == []


async def ask(database: Database, stop: Callable[[int], None]) -> None:
    stop(await database.fetchval(PID))
    await database.fetchval("select 1", deadline_s=DEADLINE_S)


async def begin(database: Database, stop: Callable[[int], None]) -> None:
    stop(await database.fetchval(PID))
    async with database.transaction(DEADLINE_S):
        pass


async def ask_within(database: Database, stop: Callable[[int], None]) -> None:
    async with database.transaction(DEADLINE_S) as connection:
        await connection.execute("insert into note values ('a')")
        stop(await connection.fetchval(PID))
        await connection.execute("insert into note values ('b')")


async def refuse_within(database: Database, stop: Callable[[int], None]) -> None:
    async with database.transaction(DEADLINE_S) as connection:
        await connection.execute("insert into note values ('a')")
        stop(await connection.fetchval(PID))
        raise Refused("No.")


async def commit(database: Database, stop: Callable[[int], None]) -> None:
    async with database.transaction(DEADLINE_S) as connection:
        stop(await connection.fetchval(PID))


@pytest.mark.parametrize("use", [ask, begin, ask_within, refuse_within, commit])
async def test_a_server_that_hangs_is_given_up_and_the_pool_works_on(
    database: Database, use: Callable[[Database, Callable[[int], None]], Awaitable[None]]
) -> None:
    """Wherever in a use it stops to answer: and its connection must not hold a place in the pool, which has one."""
    pids: list[int] = []

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        pids.append(pid)

    try:
        with given_up_in_time():
            await use(database, stop)
        assert await database.fetchval(PID) not in pids
        assert await notes(database) == []
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_closing_does_not_wait_for_a_server_that_hangs(dsn: str) -> None:
    database = await open_pool(dsn, size=1)
    with stopped(await database.fetchval(PID)):
        async with asyncio.timeout(5):
            await database.close(deadline_s=0.1)


async def test_closing_does_not_wait_for_a_use_that_does_not_end(dsn: str) -> None:
    database = await open_pool(dsn, size=1)

    async def use() -> None:
        async with database.connection():
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    async with asyncio.timeout(5):
        await until(lambda: database.usage() == (1, 1))
        await database.close(deadline_s=0.1)
        using.cancel()
        await asyncio.wait([using])


# ── a server that is away ──


async def test_a_connection_that_the_server_closed_is_replaced(
    database: Database, outsider: asyncpg.Connection[Any]
) -> None:
    await outsider.execute("select pg_terminate_backend($1, 1000)", await database.fetchval(PID))
    with suppress(DatabaseUnavailable):  # it may be noticed only when it is used
        await database.fetchval("select 1")
    assert await database.fetchval("select 1") == 1


async def test_a_server_that_turns_us_away_later_is_one_that_is_away(dsn: str) -> None:
    """Its database was renamed, or its password changed, since we started."""
    database = Database(Connections(urlsplit(dsn)._replace(path="/no_such_database").geturl(), 1))
    with pytest.raises(DatabaseUnavailable):
        await database.fetchval("select 1")


async def test_a_server_that_dies_under_a_use_is_told_as_such(
    database: Database, outsider: asyncpg.Connection[Any]
) -> None:
    async def use() -> None:
        async with database.transaction() as connection:
            await outsider.execute("select pg_terminate_backend($1, 1000)", await connection.fetchval(PID))
            await connection.execute("insert into note values ('a')")

    with pytest.raises(DatabaseUnavailable):
        await use()
    assert await database.fetchval("select 1") == 1


Opening = Callable[[str], Awaitable[object]]
OPENINGS: list[Opening] = [
    lambda dsn: open_pool(dsn, size=2, deadline_s=DEADLINE_S),
    lambda dsn: connect(dsn, deadline_s=DEADLINE_S),
]


@pytest.mark.parametrize("opening", [*OPENINGS, migrate])
async def test_an_address_without_a_listener_is_no_database(opening: Opening) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with given_up_in_time():
            await opening(f"postgresql://stagedoor@127.0.0.1:{nobody.getsockname()[1]}/stagedoor")


@pytest.mark.parametrize("opening", OPENINGS)
async def test_a_server_that_never_answers_is_given_up(opening: Opening) -> None:
    async with silent_server() as dsn:
        with given_up_in_time():
            await opening(dsn)


async def test_a_socket_that_is_not_there_is_no_database(dsn: str) -> None:
    with given_up_in_time():
        await connect("postgresql://stagedoor@/stagedoor?host=/nowhere/at/all")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"path": "/no_such_database"}, 'LIVE_DATABASE_URL: database "no_such_database" does not exist.'),
        ({"netloc": "nobody@"}, 'LIVE_DATABASE_URL: role "nobody" does not exist.'),
    ],
)
async def test_a_server_that_turns_us_away_says_why(dsn: str, change: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        await connect(urlsplit(dsn)._replace(**change).geturl())
    assert str(refused.value) == sentence


async def test_a_statement_that_was_cut_off_ends_on_the_server_too(
    database: Database, outsider: asyncpg.Connection[asyncpg.Record]
) -> None:
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(9.5)' and state = 'active'"
    with given_up_in_time():
        await database.execute("select pg_sleep(9.5)", deadline_s=DEADLINE_S)

    async def has_ended() -> bool:
        return not await outsider.fetchval(running)

    await until(has_ended, 8)


async def test_a_process_that_stands_still_amid_a_transaction_is_cut_off_by_the_server(database: Database) -> None:
    assert await database.fetchval("show idle_in_transaction_session_timeout") == "30s"
