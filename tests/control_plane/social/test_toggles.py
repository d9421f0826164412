"""Toggles: calls that overlap in time are one, within a process and between processes; sequential ones toggle."""

from __future__ import annotations

import asyncio
import time

import pytest

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, open_pool
from control_plane.social.toggles import Switch, Toggle, Toggles, lock_pair
from tests.control_plane.backends import waiting_backend
from tests.control_plane.people import new_user
from tests.waiting import until

ANN, BEN, CID = UserId(1), UserId(2), UserId(3)
TRIES = 64


class Light:
    """What is toggled: a state in memory, which counts its changes."""

    def __init__(self, database: Database, on: bool = False) -> None:
        self.toggles = Toggles(database)
        self.on = on
        self.runs = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def press(self, user: UserId = ANN, target: UserId = BEN, wanted: bool | None = None) -> bool:
        return await self.toggles.run(Toggle(what="light", user_id=user, target_id=target, wanted=wanted), self.change)

    async def change(self, connection: Connection, switch: Switch) -> bool:
        self.runs += 1
        await self.go_on.wait()
        self.on = switch(self.on)
        return self.on


async def test_sequential_calls_toggle(database: Database) -> None:
    light = Light(database)
    assert [await light.press() for _ in range(4)] == [True, False, True, False]


async def test_calls_that_overlap_are_one(database: Database) -> None:
    light = Light(database)
    assert await asyncio.gather(*(light.press() for _ in range(TRIES))) == [True] * TRIES
    assert light.runs == 1


async def test_a_call_that_arrived_before_the_end_of_another_one_shares_its_result(database: Database) -> None:
    light = Light(database)
    late = Toggle(what="light", user_id=ANN, target_id=BEN, arrived=time.perf_counter())
    assert await light.press()
    assert await light.toggles.run(late, light.change), "its body was read while the first one ran"
    assert not await light.press()


async def test_a_caller_that_gives_up_cancels_no_other_one(database: Database) -> None:
    light = Light(database)
    light.go_on.clear()
    first, second = asyncio.create_task(light.press()), asyncio.create_task(light.press())
    await until(lambda: light.runs == 1)
    first.cancel()
    light.go_on.set()
    assert await second


async def test_calls_of_others_and_on_others_run_beside_it(database: Database) -> None:
    light = Light(database)
    light.go_on.clear()
    calls = [asyncio.create_task(light.press(*pair)) for pair in ((ANN, BEN), (ANN, CID), (CID, BEN))]
    await until(lambda: light.runs == 3)
    light.go_on.set()
    assert sorted(await asyncio.gather(*calls)) == [False, True, True]


async def test_a_wanted_state_is_set_and_not_toggled(database: Database) -> None:
    light = Light(database)
    assert [await light.press(wanted=wanted) for wanted in (True, True, False, False)] == [True, True, False, False]


async def test_an_error_is_everybodys(database: Database) -> None:
    toggles = Toggles(database)

    async def fail(connection: Connection, switch: Switch) -> None:
        raise ValueError

    runs = [toggles.run(Toggle(what="light", user_id=ANN, target_id=BEN), fail) for _ in range(2)]
    assert [type(result) for result in await asyncio.gather(*runs, return_exceptions=True)] == [ValueError] * 2


async def test_a_call_of_another_process_waits_and_leaves_the_state(database: Database, dsn: str) -> None:
    elsewhere = await open_pool(dsn, size=2)
    ann, ben = await new_user(database), await new_user(database)
    here, there = Light(database), Light(elsewhere, on=True)
    here.go_on.clear()
    try:
        first = asyncio.create_task(here.press(ann, ben))
        await until(lambda: here.runs == 1)
        second = asyncio.create_task(there.press(ann, ben))
        await waiting_backend(database)
        here.go_on.set()
        assert (await first, await second) == (True, True)
        assert not await there.press(ann, ben), "a later call toggles"
    finally:
        await elsewhere.close()


@pytest.mark.parametrize("pair", [(ANN, BEN), (BEN, ANN)])
async def test_two_users_change_how_they_stand_one_after_the_other(
    database: Database, pair: tuple[UserId, UserId]
) -> None:
    async def wait() -> None:
        async with database.transaction() as connection:
            await lock_pair(connection, *pair)

    async with database.transaction() as connection:
        await lock_pair(connection, ANN, BEN)
        waiting = asyncio.create_task(wait())
        await waiting_backend(database)
        assert not waiting.done()
    await waiting
