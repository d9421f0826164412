"""Deadlines that fire a little late, and never after the work is done."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.base.deadlines import STEP_S, Deadlines


async def test_what_takes_too_long_is_cut_off_and_once_only() -> None:
    loop, cut = asyncio.get_running_loop(), asyncio.Event()
    deadlines, times = Deadlines(), []

    def cut_off() -> None:
        times.append(loop.time())
        cut.set()

    started = loop.time()
    deadlines.set("slow", 0.15, cut_off)
    async with asyncio.timeout(5):
        await cut.wait()
        deadlines.set("another", 2 * STEP_S, cut.clear)  # two looks more
        while cut.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [moment - started >= 0.15 for moment in times] == [True]


async def test_what_was_done_in_time_is_left_alone() -> None:
    deadlines, cut, later = Deadlines(), asyncio.Event(), asyncio.Event()
    deadlines.set("quick", 0, cut.set)
    deadlines.clear("quick")
    deadlines.set("slow", 0, later.set)
    await asyncio.wait_for(later.wait(), 5)
    assert not cut.is_set()


async def test_what_cannot_be_cut_off_stops_no_other_end() -> None:
    deadlines, cut = Deadlines(), asyncio.Event()
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail() -> None:
        raise ValueError("a bug")

    deadlines.set("one", 0, fail)
    deadlines.set("other", 0, cut.set)
    await asyncio.wait_for(cut.wait(), 5)
    assert [type(failure) for failure in failures] == [ValueError]


async def test_awaiting_within_a_time_ends_with_it() -> None:
    deadlines = Deadlines()
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError), deadlines.within(0.01):
        await asyncio.wait_for(asyncio.Event().wait(), 5)
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # nothing is left of the cancellation


async def test_what_is_within_its_time_is_answered() -> None:
    with Deadlines().within(5):
        answer = await asyncio.sleep(0, "done")
    assert answer == "done"


async def test_an_error_within_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="surprise"), Deadlines().within(5):
        raise ValueError("surprise")


async def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    began = asyncio.Event()

    async def use() -> None:
        with Deadlines().within(60):
            began.set()
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    await began.wait()
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using


async def test_a_cancellation_at_the_same_moment_as_the_end_wins() -> None:
    """As with `asyncio.timeout`: who cancelled the task wants it gone, whatever else happens to it."""
    began, deadlines = asyncio.Event(), Deadlines()

    async def use() -> None:
        with deadlines.within(0.01):
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:  # the end's; now somebody else's comes as well
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                raise

    using = asyncio.create_task(use())
    await began.wait()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await using
