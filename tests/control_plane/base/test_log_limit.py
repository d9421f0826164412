"""Warnings that repeat: counted by reason, one line in each period."""

from __future__ import annotations

import asyncio

from control_plane.base.log_limit import LogLimit


async def test_the_first_is_logged_at_once_and_those_after_it_as_a_number() -> None:
    logged: list[tuple[str, int]] = []
    second = asyncio.Event()

    def log_it(why: str, number: int) -> None:
        logged.append((why, number))
        if len(logged) == 3:
            second.set()

    limit = LogLimit(log_it, every_s=0.05)
    for why in ("late", "late", "early", "late"):
        limit.note(why)
    assert logged == [("late", 1)]
    async with asyncio.timeout(10):
        await second.wait()
    assert logged == [("late", 1), ("late", 2), ("early", 1)]
    limit.note("late")
    limit.flush()
    assert logged[3:] == [("late", 1)]
