"""Job workers that are killed or stopped, and databases that go down."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from control_plane.db.pool import Database, open_pool
from control_plane.jobs import store
from control_plane.jobs.kind import job
from control_plane.jobs.store import State
from control_plane.jobs.worker import PICKS
from control_plane.observe.metrics import Metrics
from tests.control_plane.bus.proxy import Wire, wire
from tests.control_plane.jobs.factory import Factory, add, hold, is_empty, make, worker
from tests.postgres import by_owner, disconnect_everyone
from tests.waiting import until

WORKER = """
import asyncio, sys
from control_plane.db.pool import open_pool
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.worker import Worker
from control_plane.observe.metrics import Metrics
from tests.control_plane.jobs.factory import Factory, hold

async def main():
    database = await open_pool(sys.argv[1], 5)
    factory = Factory(database)
    worker = Worker(database, sys.argv[1], [hold.bind(factory)], JobMetrics(Metrics()), lost_after_s=2.0, poll_s=0.2)
    asyncio.create_task(worker.run())
    while not factory.begun:
        await asyncio.sleep(0.01)
    print("running", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
async def line(dsn: str) -> AsyncIterator[Wire]:
    async with wire(dsn) as made:
        yield made


async def test_a_killed_workers_job_is_run_by_another(database: Database, dsn: str, factory: Factory) -> None:
    await add(database, hold, "survives")
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, dsn, stdout=asyncio.subprocess.PIPE)
    try:
        assert killed.stdout is not None
        assert await killed.stdout.readline() == b"running\n"
        async with worker(database, dsn, factory, lost_after_s=2.0):
            await add(database, make, "the other one is at work")
            await until(lambda: is_marked(factory, "the other one is at work"))
            assert factory.running == 0, "its job is not taken from a worker that lives"
            killed.send_signal(signal.SIGKILL)
            factory.gate.set()
            await until(lambda: is_empty(database), deadline_s=30)
    finally:
        with suppress(ProcessLookupError):
            killed.kill()
        await killed.wait()
    assert await factory.marks() == ["the other one is at work", "survives"]


async def is_marked(factory: Factory, text: str) -> bool:
    return text in await factory.marks()


async def test_a_job_that_kills_its_workers_is_dead_in_the_end(database: Database, dsn: str, factory: Factory) -> None:
    job_id = await add(database, make, "poison")
    await database.execute(
        """insert into pgqueuer_log (job_id, status, priority, entrypoint)
           select $1, 'picked', 0, 'make' from generate_series(1, $2)""",
        job_id,
        PICKS,
    )
    async with worker(database, dsn, factory):
        await until(lambda: store.latest(database, 1, State.DEAD))
        assert factory.begun == []
        async with database.transaction() as connection:
            assert await store.retry(connection, job_id), "an operator may give it another chance"
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["poison"]


async def test_at_a_stop_a_job_may_end(database: Database, dsn: str, factory: Factory) -> None:
    async with worker(database, dsn, factory, stop_s=10.0):
        await add(database, hold, "ends")
        await until(lambda: factory.running)
        asyncio.get_running_loop().call_later(0.2, factory.gate.set)
    assert await factory.marks() == ["ends"]
    assert await is_empty(database)


async def test_a_job_that_does_not_end_at_a_stop_is_interrupted_and_run_again(
    database: Database, dsn: str, factory: Factory
) -> None:
    metrics = Metrics()
    async with worker(database, dsn, factory, metrics=metrics, stop_s=0.1):
        await add(database, hold, "again")
        await until(lambda: factory.running)
    assert factory.running == 0
    (left,) = await store.latest(database, 10)
    assert (left.state, left.attempts, left.due_at <= left.changed_at) == (State.WAITING, 1, True)
    assert re.search(r'stagedoor_jobs_total\{kind="hold",outcome="interrupted"\} 1.0', metrics.render().decode())
    factory.gate.set()
    async with worker(database, dsn, factory):
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["again"]


async def test_a_job_that_refuses_to_end_does_not_hold_up_a_stop(
    database: Database, dsn: str, factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    @job()
    async def refuse(factory: Factory) -> None:
        await factory.begin("refuses")
        while not factory.gate.is_set():
            with suppress(asyncio.CancelledError):
                await factory.gate.wait()
        factory.running -= 1

    async with worker(database, dsn, factory, [refuse], stop_s=0.1):
        async with database.transaction() as connection:
            await refuse.enqueue(connection)
        await until(lambda: factory.running)
        stopped_at = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped_at < 8
    assert "jobs_not_stopped" in caplog.text
    factory.gate.set()
    await until(lambda: not factory.running)
    await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "jobs-queue"])


async def test_a_database_that_is_away_does_not_hold_up_a_stop(
    dsn: str, factory: Factory, line: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    database = await open_pool(line.dsn, 5)
    async with worker(database, line.dsn, factory, stop_s=0.1):
        await add(database, hold, "stuck")
        await until(lambda: factory.running)
        await line.pull_out()
        stopped_at = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped_at < 8
    await database.close()
    assert "jobs_not_stopped" not in caplog.text, "nothing is left waiting"
    (left,) = await store.latest(factory.database, 10)
    assert left.state is State.RUNNING, "until its heartbeat is old"
    await line.plug_in()


async def test_a_database_that_goes_away_and_comes_back(
    dsn: str, factory: Factory, line: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    database = await open_pool(line.dsn, 5)
    async with worker(database, line.dsn, factory) as at_work:
        await add(database, hold, "under way")
        await until(lambda: factory.running)
        await line.pull_out()
        await until(lambda: "jobs_wait_for_the_database" in caplog.text)
        await until(lambda: not at_work.driver.listening.is_set())
        # The work of "under way" needs the database as well: the attempt that finds it away fails, and a later one does it.
        await add(factory.database, make, "enqueued meanwhile")
        await line.plug_in()
        await until(lambda: is_marked(factory, "enqueued meanwhile"))
        factory.gate.set()
        await until(lambda: is_empty(factory.database))
        await until(at_work.driver.listening.is_set)
    await database.close()
    assert await factory.marks() == ["enqueued meanwhile", "under way"]
    assert "Traceback" not in caplog.text


async def test_a_cut_listen_is_made_again(database: Database, dsn: str, factory: Factory) -> None:
    async with worker(database, dsn, factory, poll_s=60.0) as at_work:
        await disconnect_everyone(dsn)
        await until(lambda: not at_work.driver.listening.is_set())
        await until(at_work.driver.listening.is_set)
        await add(database, make, "heard of")
        await until(lambda: is_empty(database))


async def test_without_notifications_the_queue_is_polled(database: Database, dsn: str, factory: Factory) -> None:
    await by_owner(database, "drop trigger tg_pgqueuer_changed on pgqueuer")
    async with worker(database, dsn, factory):
        await add(database, make, "found")
        await until(lambda: is_empty(database))
    assert await factory.marks() == ["found"]
