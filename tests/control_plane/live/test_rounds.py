"""Long work on the event loop goes in slices; the clock is moved by the test alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from control_plane.live.rounds import SLICE_S, SLICE_WEIGHT, TURN, TURNS_OF_OTHERS, Rounds
from tests.waiting import in_background


class Clock:
    """The event loop's, which stands still between two steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)


async def turns_during(rounds: Rounds, done: list[str], count: int) -> int:
    """How often another task runs until so many steps are done."""
    turns = 0
    async with in_background(rounds.run()):
        while not done:  # noqa: ASYNC110  one iteration of the loop at a time
            await asyncio.sleep(0)
        while len(done) < count:
            turns += 1
            await asyncio.sleep(0)
    return turns


@pytest.mark.parametrize(
    ("seconds", "weight", "slices"),
    [(0.0, 0, 0), (0.0, 1, 64 / SLICE_WEIGHT), (0.0, SLICE_WEIGHT, 64), (SLICE_S / 3.5, 0, 64 / 4), (SLICE_S, 0, 64)],
    ids=["neither", "light writes", "heavy writes", "short steps", "long steps"],
)
async def test_a_slice_ends_by_its_weight_and_by_its_time(
    monkeypatch: pytest.MonkeyPatch, seconds: float, weight: int, slices: float
) -> None:
    clock, rounds, done = Clock(monkeypatch), Rounds(), list[str]()

    def steps() -> Iterator[int]:
        for _ in range(64):
            clock.now += seconds
            done.append("step")
            yield weight

    rounds.add(steps())
    assert await turns_during(rounds, done, 64) == pytest.approx(slices * TURNS_OF_OTHERS, abs=TURNS_OF_OTHERS)


async def test_a_short_round_does_not_wait_for_a_long_one() -> None:
    rounds, done = Rounds(), list[str]()

    def steps(name: str, count: int) -> Iterator[int]:
        for _ in range(count):
            done.append(name)
            yield 1

    rounds.add(steps("long", 10 * TURN))
    rounds.add(steps("short", 2))
    await turns_during(rounds, done, 10 * TURN + 2)
    assert done[: TURN + 2] == ["long"] * TURN + ["short"] * 2
