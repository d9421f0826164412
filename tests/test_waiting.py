"""A condition that is not met fails the test, whether it is awaited or not."""

from __future__ import annotations

import pytest

from tests.waiting import in_background, until


async def test_a_condition_that_is_not_met_fails_with_its_name() -> None:
    async def never() -> bool:
        return False

    for condition in (list, never):
        with pytest.raises(AssertionError, match=r"the moon: not within 0\.05 s"):
            await until(condition, 0.05, what="the moon")


async def test_a_condition_is_looked_at_until_it_is_met() -> None:
    looks: list[int] = []

    async def third() -> bool:
        looks.append(1)
        return len(looks) == 3

    await until(third)
    assert len(looks) == 3


async def test_a_failure_in_the_background_fails_the_test() -> None:
    async def fails() -> None:
        raise ValueError("broken")

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="broken")):
        async with in_background(fails()):
            await until(lambda: False)
