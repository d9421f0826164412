"""Top givers: what a board shows, and the figures of the live socket."""

from __future__ import annotations

import datetime as dt

from control_plane.base.ids import UserId
from control_plane.gifts.boards import Boards, Standings
from control_plane.gifts.boards_store import MOST, Period
from control_plane.gifts.sending_store import send
from control_plane.live.figures import Gifter
from control_plane.live.store import snapshot, totals
from tests.control_plane.gifts.stage import Stage, order
from tests.control_plane.gifts.test_batches import prepared
from tests.control_plane.social.relations import ban, block

MONDAY = dt.datetime(2026, 11, 30, 0, 0, tzinfo=dt.UTC)

_GIVEN = """
    insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
    values ($1, $2, 7, $3, 3, date_trunc('week', $3::date)::date, 5)
"""


class Clock:
    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now


def listed(standings: Standings) -> list[tuple[UserId, int]]:
    return [(giver.user_id, giver.coins) for giver in standings.givers]


async def test_days_and_weeks_begin_at_midnight_utc_with_an_empty_board(stage: Stage) -> None:
    ann, star = await stage.user(), await stage.user()
    clock = Clock(MONDAY - dt.timedelta(milliseconds=1))
    boards = Boards(stage.database, clock=clock)
    await stage.database.execute(_GIVEN, star, ann, clock.now.date())

    async def shown(period: Period) -> list[tuple[UserId, int]]:
        return listed(await boards.show(boards.of_receiver(star, period), ann, ()))

    assert [await shown(period) for period in (Period.DAY, Period.WEEK, Period.ALL)] == [
        [(ann, 3)],
        [(ann, 5)],
        [(ann, 7)],
    ]
    clock.now = MONDAY
    assert [await shown(period) for period in (Period.DAY, Period.WEEK, Period.ALL)] == [[], [], [(ann, 7)]]
    clock.now = MONDAY - dt.timedelta(days=1)  # Sunday's board again, which is still cached
    assert await shown(Period.DAY) == [(ann, 3)]


async def test_a_gift_of_today_is_on_all_boards(stage: Stage) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    await stage.gifts.send(order(ann, star, count=2))
    await stage.database.execute("update gift_total set day = day - 1, week = week - 7")
    boards = Boards(stage.database)
    await stage.gifts.send(order(ann, star, count=3, stream_id=stream_id))

    of = [boards.of_stream(stream_id), *(boards.of_receiver(star, period) for period in list(Period)[1:])]
    shown = [await boards.show(board, ann, ()) for board in of]
    assert [listed(standings) for standings in shown] == [[(ann, 5)], [(ann, 3)], [(ann, 3)], [(ann, 5)]]
    assert [standings.own_coins for standings in shown] == [5, 3, 3, 5]
    await stage.audit()


async def test_a_giver_below_a_full_board_has_coins_and_no_place(stage: Stage) -> None:
    """Also if hidden givers make room on the viewer's board: others are between the last one on it and the viewer."""
    star, stream_id = await stage.star()
    users = [await stage.user() for _ in range(MOST + 2)]
    await stage.database.execute(
        "insert into stream_gifter (stream_id, user_id, coins)"
        " select $1, giver.id, 1001 - number from unnest($2::integer[]) with ordinality as giver (id, number)",
        stream_id,
        users,
    )
    boards = Boards(stage.database)
    board, last = boards.of_stream(stream_id), users[-1]

    async def own(viewer: UserId, hidden: frozenset[UserId] = frozenset()) -> tuple[int, int, int]:
        standings = await boards.show(board, viewer, hidden)
        return len(standings.givers), standings.own_place, standings.own_coins

    assert await own(last) == (MOST, 0, 1000 - MOST - 1)
    assert await own(last, frozenset(users[:3])) == (MOST - 3, 0, 1000 - MOST - 1)
    assert await own(users[MOST - 1], frozenset(users[:3])) == (MOST - 3, MOST - 3, 1000 - MOST + 1)
    assert await own(star) == (MOST, 0, 0)


async def test_the_viewers_own_coins_are_counted_at_once(stage: Stage) -> None:
    ann, ben = await stage.user(coins=10), await stage.user(coins=10)
    star, stream_id = await stage.star()
    boards = Boards(stage.database, lifetime_s=1000)
    await stage.gifts.send(order(ben, star, count=2))
    board = boards.of_stream(stream_id)
    assert listed(await boards.show(board, ann, ())) == [(ben, 2)]
    await stage.gifts.send(order(ann, star, count=3))
    assert await boards.show(board, ann, ()) == Standings([(ann, 3), (ben, 2)], 1, 3)  # type: ignore[list-item]
    assert listed(await boards.show(board, None, ())) == [(ben, 2)], "a cached one"


async def test_banned_and_blocked_givers_make_room_on_every_board(stage: Stage) -> None:
    star, stream_id = await stage.star()
    *above, ann = [await stage.user(coins=20) for _ in range(13)]
    for number, user_id in enumerate([*above, ann]):
        await stage.gifts.send(order(user_id, star, count=20 - number))
    for user_id in above[:6]:
        await ban(stage.database, user_id)
    for user_id in above[6:9]:
        await block(stage.database, star, user_id)
    for user_id in above[9:]:
        await block(stage.database, user_id, star)
    boards = Boards(stage.database)
    for board in (boards.of_stream(stream_id), *(boards.of_receiver(star, period) for period in list(Period)[1:])):
        assert listed(await boards.show(board, None, ())) == [(ann, 8)]
    name = await stage.database.fetchval("select username from app_user where id = $1", ann)
    async with stage.database.connection() as connection:
        told = (await totals(connection, [stream_id]))[stream_id].top_gifters
        joined = await snapshot(connection, stream_id, None)
    assert told == [Gifter(ann, name, 8)]
    assert joined is not None
    assert joined.top_gifters == told


async def test_the_figures_of_the_stream_are_those_of_a_batch_of_gifts(stage: Stage) -> None:
    star, stream_id = await stage.star()
    users = [await stage.user(coins=100) for _ in range(12)]
    gifts = [prepared(user_id, star, price) for price, user_id in enumerate(users, 1)]
    await send(stage.database, [*gifts, prepared(users[0], star, 50)], MONDAY)
    async with stage.database.connection() as connection:
        figures = (await totals(connection, [stream_id]))[stream_id]
    assert [(gifter.user_id, gifter.coins) for gifter in figures.top_gifters] == [
        (users[0], 51),
        *((user_id, coins) for coins, user_id in reversed(list(enumerate(users, 1))) if coins > 3),
    ]
    assert figures.coins == sum(range(1, 13)) + 50
    boards = Boards(stage.database)
    top = listed(await boards.show(boards.of_stream(stream_id), None, ()))
    assert top[:10] == [(gifter.user_id, gifter.coins) for gifter in figures.top_gifters]
    assert len(top) == len(users)
