"""Totals by giver: kept with every gift, compared with the gifts, and read as boards."""

from __future__ import annotations

import asyncio
import datetime as dt
import random

import pytest

from control_plane.base.ids import UserId
from control_plane.gifts.boards import Boards
from control_plane.gifts.boards_store import Giver, Period, top
from control_plane.gifts.totals_store import differences, last_id, wrong_gifts
from tests.control_plane.gifts.stage import HEART, ROSE, Stage, order
from tests.postgres import by_owner, by_superuser

TOTALS = "select coins, day_coins, week_coins from gift_total where receiver_id = $1 and giver_id = $2"


async def found(stage: Stage) -> list[str]:
    """In ranges of one id, and in one."""
    async with stage.database.connection() as connection:
        last = await last_id(connection)
        one_by_one = [one for after in range(last) for one in await differences(connection, after, after + 1)]
        assert sorted(one_by_one) == sorted(await differences(connection, 0, last))
    return one_by_one


async def totals(stage: Stage, receiver: UserId, giver: UserId) -> tuple[int, ...]:
    return tuple(await stage.database.fetchrow(TOTALS, receiver, giver) or ())


async def top_givers(stage: Stage, receiver: UserId, period: Period) -> list[Giver]:
    return list(await top(stage.database, Boards(stage.database).of_receiver(receiver, period)))


async def age(stage: Stage, days: int) -> None:
    """Everything that was given becomes older by this many days."""
    await by_owner(stage.database, f"update gift_sent set created_at = created_at - interval '{days} days'")
    await stage.database.execute(
        "update gift_total set day = day - $1::integer, week = date_trunc('week', day - $1::integer)::date", days
    )


async def test_totals_are_the_sums_of_the_gifts_wherever_they_went(stage: Stage) -> None:
    people = [await stage.user(coins=200) for _ in range(4)]
    for user_id in people[:2]:
        await stage.go_live(user_id)
    chosen = random.Random(7)
    pairs = [chosen.sample(people, 2) for _ in range(40)]
    gifts = [order(giver, star, chosen.choice((ROSE, HEART)), chosen.randint(1, 3)) for giver, star in pairs]
    await asyncio.gather(*(stage.gifts.send(gift) for gift in gifts))
    assert await found(stage) == []
    for receiver in people:
        given = {giver: sum(await totals(stage, receiver, giver) or (0,)) // 3 for giver in people}
        listed = [giver for giver in sorted(given, key=lambda one: (-given[one], one)) if given[giver]]
        for period in (Period.DAY, Period.WEEK, Period.ALL):
            assert await top_givers(stage, receiver, period) == [Giver(one, given[one]) for one in listed]


async def test_a_day_and_a_week_begin_with_their_first_gift(stage: Stage) -> None:
    ann, star = await stage.user(coins=100), await stage.user()
    await stage.gifts.send(order(ann, star, HEART))
    await age(stage, 1)
    await stage.gifts.send(order(ann, star, ROSE))
    monday = dt.datetime.now(dt.UTC).weekday() == 0
    assert await totals(stage, star, ann) == (6, 1, 1 if monday else 6)
    await age(stage, 7)  # whole weeks: the two gifts stay in the same week, or in two
    assert await found(stage) == []
    assert await top_givers(stage, star, Period.DAY) == []
    assert await top_givers(stage, star, Period.WEEK) == []
    assert await top_givers(stage, star, Period.ALL) == [Giver(ann, 6)]
    await stage.gifts.send(order(ann, star, ROSE, 2))
    await stage.gifts.send(order(ann, star, ROSE))
    assert await totals(stage, star, ann) == (9, 3, 3)
    assert await found(stage) == []


async def test_a_gift_of_yesterday_that_commits_after_one_of_today_counts_in_the_sum_only(stage: Stage) -> None:
    ann, star = await stage.user(coins=100), await stage.user()
    await stage.gifts.send(order(ann, star, HEART))
    await age(stage, -7)
    await stage.gifts.send(order(ann, star, ROSE))
    assert await totals(stage, star, ann) == (6, 5, 5)
    assert await found(stage) == []


@pytest.mark.parametrize(
    "statement",
    [
        "update stream_gifter set coins = coins + 1",
        "delete from stream_gifter",
        "update stream set coins = coins - 1",
        "update gift_total set coins = coins + 1",
        "update gift_total set day_coins = day_coins + 1",
        "update gift_total set week = week - 7",
        "delete from gift_total",
        "update coins_received set coins = coins + 1",
        "delete from coins_received",
        "insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins) "
        "select giver_id, receiver_id, 1, day, 1, week, 1 from gift_total",
    ],
)
async def test_a_wrong_total_is_found(stage: Stage, statement: str) -> None:
    ann = await stage.user(coins=10)
    star, _ = await stage.star()
    await stage.gifts.send(order(ann, star, HEART))
    await stage.database.execute(statement)
    assert await found(stage)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("update gift_sent set coins = 1000", "(5 coins) is not that of its gift"),
        ("update gift_sent set receiver_id = receiver_id + 1", "(5 coins) is not that of its gift"),
        (
            "update ledger_transfer set user_id = (select receiver_id from gift_sent) where operation = 'gift'",
            "is not that of",
        ),
        ("delete from gift_sent", "(5 coins) has no gift"),
    ],
)
async def test_a_gift_that_is_not_what_its_transfer_moved_is_found(stage: Stage, change: str, says: str) -> None:
    ann, star = await stage.user(coins=5), await stage.user()
    await stage.gifts.send(order(ann, star, HEART))

    async def wrong() -> list[str]:
        async with stage.database.connection() as connection:
            return list(await wrong_gifts(connection, 0, 2**62))

    assert await wrong() == []
    await by_superuser(stage.database, f"set session_replication_role = replica; {change}")
    [found] = await wrong()
    assert says in found
