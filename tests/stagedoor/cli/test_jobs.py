"""`stagedoor jobs`."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from control_plane.base.errors import ControlPlaneError
from control_plane.db.pool import Database
from control_plane.jobs import kind
from control_plane.operations.audit import latest
from tests.control_plane.jobs.factory import MARKS, Factory, add, fail, hold, is_empty, make, worker
from tests.control_plane.jobs.test_queue import is_dead
from tests.postgres import by_owner
from tests.stagedoor.cli.operator import Operator
from tests.waiting import until


@pytest.fixture
async def factory(database: Database) -> Factory:
    await by_owner(database, MARKS)
    return Factory(database)


async def test_a_dead_job_is_seen_and_retried(
    database: Database, dsn: str, factory: Factory, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "FIRST_RETRY_S", 0.01)
    assert await operator.types("jobs", "list") == "The queue is empty.\n"
    factory.fails = 3
    async with worker(database, dsn, factory):
        job_id = str(await add(database, fail, "video [7]"))
        await until(lambda: is_dead(database, int(job_id)))
        waiting = str(await add(database, make, delay=dt.timedelta(hours=1)))

        (head, first, second) = (await operator.types("jobs", "list")).splitlines()
        assert head.split() == ["id", "kind", "state", "attempts", "due", "arguments"]
        assert first.split()[:4] == [waiting, "make", "waiting", "0"]
        assert second.split()[:4] == [job_id, "fail", "dead", "2"]
        assert second.rstrip().endswith("name=video [7]")
        assert [job["id"] for job in json.loads(await operator.types("jobs", "list", "--dead", "--json"))] == [
            int(job_id)
        ]
        shown = await operator.types("jobs", "show", job_id)
        assert shown.startswith('fail {"name":"video [7]"}, dead')
        assert "failed: the machine is broken" in shown
        assert "Traceback" in shown

        assert await operator.types("jobs", "retry", job_id) == f"Job {job_id} will run again.\n"
        with pytest.raises(ControlPlaneError, match=f"no dead job {waiting}"):
            await operator.types("jobs", "retry", waiting)
        await until(lambda: len(factory.begun) == 4)
        await until(factory.marks)
    assert "successful" in await operator.types("jobs", "show", job_id)
    assert [(entry.act, entry.subject) for entry in await latest(database, 10)] == [("job.retried", f"job:{job_id}")]


async def test_jobs_are_dropped(database: Database, dsn: str, factory: Factory, operator: Operator) -> None:
    async with worker(database, dsn, factory):
        waiting = str(await add(database, make, delay=dt.timedelta(hours=1)))
        running = str(await add(database, hold))
        await until(lambda: factory.running)
        assert (
            await operator.types("jobs", "drop", waiting, running)
            == f"Job {waiting} has been deleted.\nJob {running} has been deleted.\n"
        )
        await until(lambda: not factory.running)
    assert await is_empty(database)
    assert await operator.types("jobs", "drop", "--dead") == ""
    for nothing in ([], [running, "--dead"]):
        assert "--dead for all dead jobs" in await operator.types("jobs", "drop", *nothing)
    for command in ("drop", "retry", "show"):
        with pytest.raises(ControlPlaneError, match="There is no"):
            await operator.types("jobs", command, str(2**63 - 1))
    kinds = [(entry.act, entry.detail["kind"]) for entry in await latest(database, 10)]
    assert kinds == [("job.dropped", "hold"), ("job.dropped", "make")]


def test_commands_do_not_load_the_library() -> None:
    """It takes longer to load than most of them take."""
    script = "import sys, stagedoor.cli; print([name for name in sys.modules if name.split('.')[0] == 'pgqueuer'])"
    root = Path(__file__).parents[3]
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert loaded.stdout == "[]\n"
