"""Rate limits of calls, with a clock that the test sets."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.contract.limits import UnderWay
from control_plane.base import rate_limit
from control_plane.base.rate_limit import RateLimit


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def burst(limit: RateLimit, who: str = "somebody") -> int:
    """How many calls are admitted at this time."""
    for count in range(10_000):
        if limit.wait_s(who):
            return count
    raise AssertionError("there is no limit")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_ten_seconds_worth_may_come_at_once(clock: Clock) -> None:
    assert burst(RateLimit(60, clock)) == 10


def test_even_the_lowest_rate_lets_one_through(clock: Clock) -> None:
    assert burst(RateLimit(1, clock)) == 1


def test_who_was_refused_is_told_how_long_to_wait(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    burst(limit)
    assert limit.wait_s("somebody") == pytest.approx(1.0)
    clock.now_s += 0.25
    assert limit.wait_s("somebody") == pytest.approx(0.75)


def test_to_be_refused_costs_nothing(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    burst(limit)
    for _ in range(100):
        limit.wait_s("somebody")
    assert limit.wait_s("somebody") == pytest.approx(1.0)


@given(
    per_minute=st.integers(1, 6000),
    start_s=st.floats(0, 1e7),
    pauses=st.lists(st.floats(0, 1), min_size=1, max_size=60),
)
def test_who_waits_as_long_as_told_is_let_in(per_minute: int, start_s: float, pauses: list[float]) -> None:
    clock = Clock(start_s)
    limit = RateLimit(per_minute, clock)
    for pause in pauses:
        clock.now_s += pause * 60 / per_minute
        if wait_s := limit.wait_s("somebody"):
            clock.now_s += wait_s
            assert limit.wait_s("somebody") == 0


@given(per_minute=st.integers(1, 600), steps=st.lists(st.floats(0, 20), min_size=1, max_size=100))
def test_over_time_no_more_than_the_rate_and_one_burst_goes_through(per_minute: int, steps: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_minute, clock)
    passed = 0
    for step in steps:
        clock.now_s += step
        passed += burst(limit)
    assert passed <= max(1, per_minute / 6) + sum(steps) * per_minute / 60 + 1e-3


def test_a_long_silence_earns_one_burst_and_no_more(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    burst(limit)
    clock.now_s += 86_400
    assert burst(limit) == 10


def test_each_caller_has_a_limit_of_its_own(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    burst(limit, "busy")
    assert burst(limit, "quiet") == 10


def test_the_last_callers_are_remembered_and_not_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "REMEMBERED", 3)
    limit = RateLimit(60, clock)
    burst(limit, "first")
    burst(limit, "second")
    for who in ("third", "second", "fourth"):
        limit.wait_s(who)
    assert burst(limit, "second") == 0, "who called lately is known"
    assert burst(limit, "first") == 10, "who did not is new"


def test_what_is_under_way_is_limited_for_one_and_for_all_and_makes_room_when_it_is_done() -> None:
    limit = UnderWay(per_one=2, in_all=3)
    with limit.one("ada") as first, limit.one("ada") as second, limit.one("ada") as third:
        assert (first, second, third) == (True, True, False)
        with limit.one("ben") as of_another, limit.one("cy") as one_too_many, limit.one(None) as unlimited:
            assert (of_another, one_too_many, unlimited) == (True, False, False)
    with pytest.raises(RuntimeError), limit.one("ada"):
        raise RuntimeError
    with limit.one("ada") as again, limit.one("ada") as once_more:
        assert again
        assert once_more
