"""Enqueuing jobs and running them."""

from __future__ import annotations

import asyncio
import datetime as dt
import re

import pytest

from control_plane.base.errors import ControlPlaneError
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.jobs import kind, store
from control_plane.jobs.kind import ATTEMPTS, FIRST_RETRY_S, LONGEST_RETRY_S, Postponed, job
from control_plane.jobs.store import State
from control_plane.jobs.worker import LOST_AFTER_S, POLL_S
from control_plane.observe.metrics import Metrics
from tests.control_plane.jobs.factory import Factory, add, fail, hold, is_empty, make, worker
from tests.postgres import by_owner
from tests.waiting import until


async def test_a_job_exists_when_its_transaction_commits(database: Database, dsn: str, factory: Factory) -> None:
    async def refuse() -> None:
        async with database.transaction() as connection:
            await make.enqueue(connection, "rolled back")
            raise ControlPlaneError

    async with worker(database, dsn, factory):
        with pytest.raises(ControlPlaneError):
            await refuse()
        async with database.transaction() as connection:
            await make.enqueue(connection, name="committed")
            await factory.mark("before the commit")
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["before the commit", "committed"]


async def test_arguments_are_checked_where_a_job_is_enqueued(database: Database, factory: Factory) -> None:
    async with database.connection() as connection:
        with pytest.raises(TypeError, match="nonsense"):
            await make.enqueue(connection, nonsense=1)  # type: ignore[call-arg]


async def test_a_key_admits_one_job_at_a_time(database: Database, dsn: str, factory: Factory) -> None:
    async with database.transaction() as connection:
        assert await make.set(key="video 7").enqueue(connection, "first") is not None
        assert await make.set(key="video 7").enqueue(connection, "second") is None
    async with worker(database, dsn, factory):
        await until(lambda: is_empty(database))
        await add(database, make, "third", key="video 7")
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["first", "third"]


async def test_a_job_with_a_delay_waits(database: Database, dsn: str, factory: Factory) -> None:
    async with worker(database, dsn, factory):
        await add(database, make, "tomorrow", delay=dt.timedelta(days=1))
        await add(database, make, "soon", delay=dt.timedelta(seconds=0.5))
        await add(database, make, "now")
        await until(lambda: factory_has(factory, 2))
    assert await factory.marks() == ["now", "soon"]


async def factory_has(factory: Factory, number: int) -> bool:
    return len(await factory.marks()) == number


async def test_higher_priorities_come_first(database: Database, dsn: str, factory: Factory) -> None:
    for name, priority in (("low", -1), ("usual", 0), ("high", 5), ("usual too", 0)):
        await add(database, make, name, priority=priority)
    async with worker(database, dsn, factory):
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["high", "usual", "usual too", "low"]


async def test_a_kind_has_a_limit_over_all_workers(database: Database, dsn: str, factory: Factory) -> None:
    async with worker(database, dsn, factory), worker(database, dsn, factory):
        for number in range(6):
            await add(database, hold, str(number))
        await until(lambda: factory.running == 2)
        await add(database, make, "another kind")
        await until(lambda: factory_has(factory, 1))
        factory.gate.set()
        await until(lambda: is_empty(database))
    assert factory.most_at_once <= 3, "two of the one kind, one of the other"
    assert sorted(factory.begun) == ["0", "1", "2", "3", "4", "5", "another kind"]


async def test_a_failing_job_is_tried_again(
    database: Database, dsn: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "FIRST_RETRY_S", 0.01)
    factory.fails = 2
    metrics = Metrics()
    async with worker(database, dsn, factory, metrics=metrics):
        job_id = await add(database, fail, "third time")
        await until(lambda: is_empty(database))
    assert (len(factory.begun), await factory.marks()) == (3, ["third time"])
    steps = [step.status for step in await store.history(database, job_id)]
    assert steps == ["queued", "picked", "queued", "picked", "queued", "picked", "successful"]
    counted = metrics.render().decode()
    assert re.search(r'stagedoor_jobs_total\{kind="fail",outcome="retried"\} 2.0', counted)
    assert re.search(r'stagedoor_jobs_total\{kind="fail",outcome="done"\} 1.0', counted)


def test_the_waits_double_up_to_an_hour() -> None:
    waits = [fail.retry_delay(failures).total_seconds() for failures in range(1, 16)]
    assert waits[:4] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S, 8 * FIRST_RETRY_S]
    assert waits[-1] == LONGEST_RETRY_S
    assert sum(waits[: ATTEMPTS - 1]) < 2 * 3600


async def test_a_job_waits_before_it_is_tried_again(database: Database, dsn: str, factory: Factory) -> None:
    factory.fails = 1
    async with worker(database, dsn, factory):
        job_id = await add(database, fail, "later")

        async def failed() -> bool:
            job = await store.get(database, job_id)
            return job is not None and job.attempts == 1 and job.state is State.WAITING

        await until(failed)
    job = await store.get(database, job_id)
    assert job is not None
    assert (job.due_at - job.changed_at).total_seconds() == FIRST_RETRY_S


async def test_a_job_that_is_postponed_counts_no_attempts(database: Database, dsn: str, factory: Factory) -> None:
    factory.fails, factory.error = 5, Postponed(dt.timedelta(seconds=0.01))  # more often than it may fail
    metrics = Metrics()
    async with worker(database, dsn, factory, metrics=metrics):
        await add(database, fail, "in the end")
        await until(lambda: is_empty(database))
        assert await factory.marks() == ["in the end"]
        factory.fails, factory.error = 1, Postponed(dt.timedelta(days=1))
        job_id = await add(database, fail, "tomorrow")
        await until(lambda: not factory.fails)

        async def waits() -> bool:
            job = await store.get(database, job_id)
            return job is not None and job.state is State.WAITING and job.attempts == 0

        await until(waits)
    assert re.search(r'stagedoor_jobs_total\{kind="fail",outcome="postponed"\} 6.0', metrics.render().decode())


async def test_jobs_that_are_postponed_again_and_again_do_not_hold_up_newer_ones(
    database: Database, dsn: str, factory: Factory
) -> None:
    @job()
    async def fit(factory: Factory, name: str = "") -> None:
        """Too large ones take longer than they are postponed by."""
        await factory.begin(name)
        if name.startswith("large"):
            await asyncio.sleep(0.1)
            raise Postponed(dt.timedelta(seconds=0.01))
        await factory.mark(name)

    for name in ("large 1", "large 2", "small"):
        await add(database, fit, name)
    async with worker(database, dsn, factory, [fit]):
        await until(lambda: factory_has(factory, 1))
        await until(lambda: len(factory.begun) > 6)
    assert factory.begun.index("small") <= 2
    assert {factory.begun.count("large 1") - factory.begun.count("large 2")} <= {-1, 0, 1}, "they take turns"


async def test_a_job_is_postponed_though_the_database_is_away_at_that_moment(
    database: Database, dsn: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(store, "give_way", away)
    factory.fails, factory.error = 5, Postponed(dt.timedelta(seconds=0.01))  # more often than it may fail
    async with worker(database, dsn, factory):
        await add(database, fail, "done")
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["done"]


async def test_a_job_that_is_interrupted_while_it_is_postponed_runs_again(
    database: Database, dsn: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def slow(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    factory.fails, factory.error = 1, Postponed(dt.timedelta(days=1))
    with monkeypatch.context() as patch:
        patch.setattr(store, "give_way", slow)
        async with worker(database, dsn, factory):
            job_id = await add(database, fail, "done")
            await begun.wait()
    job = await store.get(database, job_id)
    assert job is not None
    assert job.state is State.WAITING
    async with worker(database, dsn, factory):
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["done"]


async def test_a_job_that_is_dropped_while_it_is_postponed_is_cancelled(
    database: Database, dsn: str, factory: Factory
) -> None:
    @job()
    async def stubborn(factory: Factory, name: str = "") -> None:
        await factory.begin(name)
        try:
            await factory.gate.wait()
        finally:
            raise Postponed(dt.timedelta(days=1))

    metrics = Metrics()
    async with worker(database, dsn, factory, [stubborn], metrics=metrics):
        job_id = await add(database, stubborn, "dropped")
        await until(lambda: bool(factory.begun))
        async with database.transaction() as connection:
            assert await store.drop(connection, job_id)
        await until(lambda: b'outcome="' in metrics.render())
    assert re.search(r'stagedoor_jobs_total\{kind="stubborn",outcome="cancelled"\} 1.0', metrics.render().decode())


async def test_an_attempt_is_taken_back_once_though_workers_are_killed_before_the_job_is_queued_again(
    database: Database,
) -> None:
    job_id = await add(database, fail)
    for _ in range(3):
        await store.give_way(database, job_id)
    job = await store.get(database, job_id)
    assert job is not None
    assert job.attempts == -1


@pytest.mark.parametrize("text", ["the machine is broken", "NUL \0 and half a pair \ud800"])
async def test_a_job_that_keeps_failing_is_kept_as_a_dead_one(
    database: Database, dsn: str, factory: Factory, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(kind, "FIRST_RETRY_S", 0.01)
    factory.fails = 3
    factory.error = RuntimeError(text)
    async with worker(database, dsn, factory):
        job_id = await add(database, fail, "broken")
        await until(lambda: is_dead(database, job_id))
        await add(database, make, "others go on")
        await until(lambda: factory_has(factory, 1))
        (dead,) = await store.latest(database, 10, State.DEAD)
        assert (dead.id, dead.kind, dead.arguments, len(factory.begun)) == (job_id, "fail", {"name": "broken"}, 4)
        last = (await store.history(database, job_id))[-1]
        assert (last.error or "").endswith(text.replace("\0", "\ufffd").replace("\ud800", "?"))
        assert "factory.py" in (last.traceback or "")
        async with database.transaction() as connection:
            assert await store.retry(connection, job_id)
            assert not await store.retry(connection, job_id)
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["others go on", "broken"]


async def is_dead(database: Database, job_id: int) -> bool:
    return job_id in [job.id for job in await store.latest(database, 10, State.DEAD)]


async def test_a_dropped_job_never_runs_and_a_running_one_is_cancelled(
    database: Database, dsn: str, factory: Factory
) -> None:
    waiting = await add(database, make, "waiting", delay=dt.timedelta(hours=1))
    metrics = Metrics()
    async with worker(database, dsn, factory, poll_s=60.0, metrics=metrics):
        running = await add(database, hold, "running")
        await until(lambda: factory.running == 1)
        async with database.transaction() as connection:
            assert await store.drop(connection, waiting)
            assert await store.drop(connection, running)
            assert not await store.drop(connection, waiting)
        await until(lambda: factory.running == 0)
        await until(lambda: is_empty(database))
        counted = metrics.render().decode()
    assert await factory.marks() == []
    assert re.search(r'stagedoor_jobs_total\{kind="hold",outcome="cancelled"\} 1.0', counted)


async def test_a_dropped_job_is_cancelled_though_the_notification_was_lost(
    database: Database, dsn: str, factory: Factory
) -> None:
    async with worker(database, dsn, factory):
        running = await add(database, hold, "running")
        await until(lambda: factory.running == 1)
        await database.execute("delete from pgqueuer where id = $1", running)
        await until(lambda: factory.running == 0)


async def test_a_schedule_runs_once_with_two_workers(database: Database, dsn: str, factory: Factory) -> None:
    ran = []

    @job(every="* * * * *")
    async def tidy(factory: Factory) -> None:
        ran.append(1)
        await factory.mark("tidied")

    async def due() -> None:
        await database.execute("update pgqueuer_schedules set next_run = now() - interval '1 second'")

    async with worker(database, dsn, factory, [tidy]), worker(database, dsn, factory, [tidy]):
        await until(lambda: database.fetchval("select count(*) from pgqueuer_schedules"))
    await due()
    async with worker(database, dsn, factory, [tidy]), worker(database, dsn, factory, [tidy]):
        await until(lambda: ran)
        await until(lambda: is_empty(database))
        rows = await database.fetch("select status, next_run > now() as later from pgqueuer_schedules")
        assert [row["later"] for row in rows] == [True]
    assert await database.fetchval("select count(*) from pgqueuer_log where status = 'queued'") == len(ran) == 1


async def test_a_scheduled_job_is_not_enqueued_while_the_one_before_runs(
    database: Database, dsn: str, factory: Factory
) -> None:
    @job(every="* * * * *")
    async def tidy(factory: Factory) -> None:
        await factory.begin("tidy")
        await factory.gate.wait()

    async def due_again() -> bool:
        """The scheduler has taken its turn."""
        return bool(
            await database.fetchval(
                "select next_run > now() and status = 'queued' and last_run is not null from pgqueuer_schedules"
            )
        )

    async with worker(database, dsn, factory, [tidy]):
        await until(lambda: database.fetchval("select count(*) from pgqueuer_schedules"))
    for _ in range(2):
        await database.execute("update pgqueuer_schedules set next_run = now() - interval '1 second', last_run = null")
        async with worker(database, dsn, factory, [tidy], stop_s=0.0):
            await until(due_again)
            await until(lambda: factory.running)
            assert await database.fetchval("select count(*) from pgqueuer") == 1
        factory.running = 0


_HELD_UP = """
    create function wait_for_the_test() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock_shared(4711);
        return new;
    end $$;
    create trigger wait_for_the_test before insert on pgqueuer for each row execute function wait_for_the_test();
"""


async def test_a_stop_lets_a_schedule_enqueue_its_job(database: Database, dsn: str, factory: Factory) -> None:
    """Else it stays picked, and the next start waits for its heartbeat to become old."""

    @job(every="* * * * *")
    async def tidy(factory: Factory) -> None: ...

    async with worker(database, dsn, factory, [tidy]):
        await until(lambda: database.fetchval("select count(*) from pgqueuer_schedules"))
    await database.execute("update pgqueuer_schedules set next_run = now() - interval '1 second'")
    await by_owner(database, _HELD_UP)
    async with database.connection() as held:
        await held.execute("select pg_advisory_lock(4711)")
        async with worker(database, dsn, factory, [tidy], stop_s=10.0) as stopped:
            await until(lambda: database.fetchval("select status = 'picked' from pgqueuer_schedules"))

            async def go_on() -> None:
                await stopped._manager.shutdown.wait()
                await held.execute("select pg_advisory_unlock(4711)")

            going_on = asyncio.create_task(go_on())
        await going_on
    assert await database.fetchval("select status from pgqueuer_schedules") == "queued"
    assert await database.fetchval("select count(*) from pgqueuer_log where status = 'queued'") == 1


def test_a_killed_workers_jobs_are_picked_within_half_a_minute() -> None:
    assert LOST_AFTER_S + POLL_S <= 25, "half a minute, with room for a slow look at the queue"


async def test_the_queue_is_measured(database: Database, dsn: str, factory: Factory) -> None:
    await add(database, make, delay=dt.timedelta(hours=1))
    metrics = Metrics()
    async with worker(database, dsn, factory, metrics=metrics):
        await add(database, hold)

        def measured() -> bool:
            text = metrics.render().decode()
            return all(
                line in text
                for line in (
                    'stagedoor_jobs_in_queue{kind="make",state="waiting"} 1.0',
                    'stagedoor_jobs_in_queue{kind="hold",state="running"} 1.0',
                    'stagedoor_jobs_in_queue{kind="fail",state="dead"} 0.0',
                    "stagedoor_jobs_late_seconds 0.0",
                )
            )

        await until(measured)


async def test_history_is_deleted_and_that_of_dead_jobs_kept(
    database: Database, dsn: str, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "FIRST_RETRY_S", 0.01)
    factory.fails = 3
    async with worker(database, dsn, factory):
        dead = await add(database, fail)
        await until(lambda: is_dead(database, dead))
        await add(database, make)
        await until(lambda: factory_has(factory, 1))
    assert await store.delete_history(database, dt.timedelta(days=1), 100) == 0
    assert await store.delete_history(database, dt.timedelta(0), 2) == 2
    assert await store.delete_history(database, dt.timedelta(0), 100) == 1
    assert len(await store.history(database, dead)) == 7
