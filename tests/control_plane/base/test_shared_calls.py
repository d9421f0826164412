"""Equal calls that overlap."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.base.shared_calls import SharedCalls


class Calls:
    """Counts calls that wait until they are let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def call(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        return number

    async def fail(self) -> int:
        await self.call()
        raise LookupError


async def test_equal_calls_that_overlap_are_one() -> None:
    shared, calls = SharedCalls[str, int](), Calls()
    same = [asyncio.create_task(shared.run("a", calls.call)) for _ in range(3)]
    other = asyncio.create_task(shared.run("b", calls.call))
    await asyncio.sleep(0)
    calls.go.set()
    assert await asyncio.gather(*same, other) == [1, 1, 1, 2]
    assert await shared.run("a", calls.call) == 3, "the first one has ended"


async def test_a_cancelled_caller_does_not_cancel_the_others() -> None:
    shared, calls = SharedCalls[str, int](), Calls()
    first, second = (asyncio.create_task(shared.run("a", calls.call)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    calls.go.set()
    assert await second == 1


async def test_all_callers_get_the_failure() -> None:
    shared, calls = SharedCalls[str, int](), Calls()
    calls.go.set()
    outcomes = await asyncio.gather(*(shared.run("a", calls.fail) for _ in range(2)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LookupError, LookupError]
    with pytest.raises(LookupError):
        await shared.run("a", calls.fail)
    assert calls.begun == 2
