"""Tasks of a part: if one fails the part ends, and no task is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from control_plane.base.errors import ControlPlaneError
from control_plane.base.workers import PartFailed, Workers


class DiskFull(ControlPlaneError):
    code = "disk_full"


async def ends() -> None:
    pass


async def fails(error: Exception) -> None:
    raise error


async def over(*names: str) -> None:
    await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name() in names])


async def failure(work: Coroutine[Any, Any, None]) -> str:
    workers = Workers()
    with pytest.raises(PartFailed) as failed:
        async with workers.running("part", work), asyncio.timeout(5):
            await workers.until(asyncio.Event())
    return str(failed.value)


async def test_a_worker_runs_as_long_as_its_part() -> None:
    states: list[str] = []

    async def work() -> None:
        states.append("running")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            states.append("cleaned up")

    workers = Workers()
    async with workers.running("part", work()):
        await asyncio.sleep(0)
        assert states == ["running"]
    assert states == ["running", "cleaned up"]
    assert {task.get_name() for task in asyncio.all_tasks()} & {"part"} == set()


async def test_the_stop_ends_the_waiting() -> None:
    workers, stop = Workers(), asyncio.Event()
    async with workers.running("part", asyncio.Event().wait()), asyncio.timeout(5):
        asyncio.get_running_loop().call_soon(stop.set)
        await workers.until(stop)


@pytest.mark.parametrize(
    ("work", "sentence"),
    [
        (ends, "part failed: it ended"),
        (lambda: fails(DiskFull("The disk is full.")), "part failed: The disk is full."),
        (lambda: fails(ValueError("surprise")), "part failed: surprise"),
        (lambda: fails(TimeoutError()), "part failed: TimeoutError"),
    ],
)
async def test_a_worker_that_ends_by_itself_ends_everything(work: Any, sentence: str) -> None:
    assert await failure(work()) == sentence


async def test_an_error_before_the_first_waiter_is_raised_to_a_later_one() -> None:
    workers = Workers()
    async with workers.running("early", fails(DiskFull("The disk is full."))):
        await over("early")
        with pytest.raises(PartFailed, match="early"):
            await workers.until(asyncio.Event())


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    workers = Workers()
    async with workers.running("first", ends()), workers.running("second", fails(ValueError("later"))):
        await over("first", "second")
        with pytest.raises(PartFailed, match="first failed"):
            await workers.until(asyncio.Event())


@pytest.mark.parametrize(
    ("error", "expected"), [(DiskFull("The disk is full."), False), (ValueError("surprise"), True)]
)
async def test_only_an_unexpected_error_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, expected: bool
) -> None:
    await failure(fails(error))
    (record,) = caplog.records
    assert (record.levelno, record.message, vars(record)["part"]) == (logging.CRITICAL, "part_failed", "part")
    assert (record.exc_info is not None) is expected
    assert vars(record).get("why") == (None if expected else "The disk is full.")


async def test_a_worker_that_was_stopped_has_not_failed(caplog: pytest.LogCaptureFixture) -> None:
    workers = Workers()
    async with workers.running("part", asyncio.Event().wait()):
        pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await workers.until(asyncio.Event())
    assert caplog.records == []


async def test_an_error_while_being_stopped_does_not_keep_the_others_from_being_stopped() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("cannot clean up")

    workers = Workers()
    stopped = asyncio.Event()

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with workers.running("tidy", tidy()), workers.running("stubborn", stubborn()):
        await asyncio.sleep(0)
    assert stopped.is_set()
