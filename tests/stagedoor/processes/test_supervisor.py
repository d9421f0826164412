"""The supervisor, with children that are small real processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import pytest

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.workers import PartFailed, Workers
from control_plane.observe.metrics import Metrics
from stagedoor.processes.supervisor import ChildGaveUp, Supervisor
from tests.stagedoor.processes.supervision import supervised
from tests.waiting import until

NO_PAUSES = (0.0, 0.0, 0.0)


class NotStarted(ControlPlaneError):
    code = "not_started"
    kind = ErrorKind.STOPS


class Sleeper:
    """A `sleep` that can be supervised."""

    title = "The sleeper"
    failed_event = "sleeper_failed"

    def __init__(self, name: str = "sleeper", stopped: list[str] | None = None) -> None:
        self.name = name
        self.command = ["sleep", "60"]
        self.launches: list[float] = []
        self.process: asyncio.subprocess.Process | None = None
        self._stopped = [] if stopped is None else stopped

    async def launch(self, on_spawn: Callable[[int], None]) -> None:
        self.launches.append(time.monotonic())
        try:
            self.process = await asyncio.create_subprocess_exec(*self.command)
        except OSError as error:
            raise NotStarted(f"cannot be run: {error.strerror}") from error
        on_spawn(self.process.pid)

    async def wait(self) -> str:
        assert self.process is not None
        return f"it ended with status {await self.process.wait()}"

    async def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
            self._stopped.append(self.name)
        self.process = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


def kill(child: Sleeper) -> None:
    os.kill(child.pid, signal.SIGKILL)


def restarts(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value("stagedoor_part_restarts_total", {"part": name})


async def test_a_child_that_dies_is_restarted_counted_and_its_pid_reported(caplog: pytest.LogCaptureFixture) -> None:
    child, metrics, spawned = Sleeper(), Metrics(), list[tuple[str, int]]()
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(stack, Workers(), metrics, lambda name, pid: spawned.append((name, pid)))
        await child.launch(lambda _pid: None)
        await supervisor.keep(child)
        assert restarts(metrics, "sleeper") is None
        with caplog.at_level(logging.WARNING):
            kill(child)
            await until(lambda: len(spawned) == 1)
            assert spawned == [("sleeper", child.pid)]
            kill(child)
            await until(lambda: len(spawned) == 2)
        assert spawned[-1] == ("sleeper", child.pid)
        assert restarts(metrics, "sleeper") == 2
    failed = [record for record in caplog.records if record.message == "sleeper_failed"]
    assert [record.reason for record in failed] == ["it ended with status -9"] * 2  # type: ignore[attr-defined]
    assert child.process is None


async def test_the_child_that_was_kept_last_stops_first() -> None:
    stopped: list[str] = []
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(stack, Workers(), Metrics(), lambda _name, _pid: None)
        for child in (Sleeper("first", stopped), Sleeper("second", stopped)):
            await child.launch(lambda _pid: None)
            await supervisor.keep(child)
    assert stopped == ["second", "first"]


async def test_a_child_that_keeps_failing_is_given_up_and_ends_its_part() -> None:
    child, workers = Sleeper(), Workers()
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(stack, workers, Metrics(), lambda _name, _pid: None, pauses_s=NO_PAUSES)
        await child.launch(lambda _pid: None)
        await supervisor.keep(child)
        child.command = ["/nothing/here"]
        kill(child)
        text = (
            r"sleeper failed: The sleeper failed 4 times within 60 seconds\. Last failure: cannot be run: No such file"
        )
        with pytest.raises(PartFailed, match=text):
            await asyncio.wait_for(workers.until(asyncio.Event()), 10)
    assert len(child.launches) == 4


async def test_exits_count_as_failures_too() -> None:
    child = Sleeper()
    child.command = ["false"]
    await child.launch(lambda _pid: None)
    async with supervised(child, pauses_s=NO_PAUSES) as supervision:
        with pytest.raises(ChildGaveUp, match=r"failed 4 times .*it ended with status 1"):
            await asyncio.wait_for(supervision, 10)


async def test_pauses_grow_with_the_failures_of_late() -> None:
    child = Sleeper()
    child.command = ["false"]
    await child.launch(lambda _pid: None)
    async with supervised(child, pauses_s=(0.0, 0.2, 0.4)) as supervision:
        with pytest.raises(ChildGaveUp):
            await asyncio.wait_for(supervision, 10)
    _, second, third = (after - before for before, after in zip(child.launches, child.launches[1:], strict=False))
    assert second >= 0.2
    assert third >= 0.4


async def test_failures_of_long_ago_do_not_count() -> None:
    child = Sleeper()
    child.command = ["sleep", "0.1"]
    await child.launch(lambda _pid: None)
    async with supervised(child, pauses_s=(0.0,), window_s=0.05) as supervision:
        await until(lambda: len(child.launches) >= 5)
        assert not supervision.done()
    await child.stop()
