"""Daily check-ins on a real database: once a day at any concurrency, streaks, and the limit of all rewards."""

from __future__ import annotations

import asyncio
import datetime as dt

import asyncpg
import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger.account import LARGEST_BALANCE, REWARDS, accounts_of, reward
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import Operation, Request, TooManyCoins, fingerprint, hold, post
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.rewards.checking_in import CheckingIn
from control_plane.rewards.model import CheckedInBefore, Checkin
from tests.control_plane.ledger.books import audit, transfers_of
from tests.control_plane.people import new_user
from tests.postgres import by_superuser

TOGETHER = 16
COINS = 5
FIRST_DAY = dt.datetime(2026, 1, 30, 23, 59, tzinfo=dt.UTC)


def on_day(database: Database, days: int, coins: int = COINS) -> CheckingIn:
    return CheckingIn(database, coins, lambda: FIRST_DAY + dt.timedelta(days=days))


@pytest.mark.parametrize("coins", [0, COINS])
async def test_of_many_at_once_one_is_made(database: Database, coins: int) -> None:
    user_id = await new_user(database)
    calls = (on_day(database, 0, coins).check_in(user_id) for _ in range(TOGETHER))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        *["CheckedInBefore"] * (TOGETHER - 1),
        "Checkin",
    ]
    assert await wallet(database, user_id) == Wallet(reward=coins)
    assert await transfers_of(database, user_id) == bool(coins)
    assert await audit(database) == coins


async def test_days_in_a_row_are_counted(database: Database) -> None:
    user_id = await new_user(database)

    async def streaks(*days: int) -> list[int]:
        return [(await on_day(database, day).check_in(user_id)).streak for day in days]

    assert await streaks(0, 1, 2, 4, 5) == [1, 2, 3, 1, 2]
    seen = await on_day(database, 5).checkins(user_id)
    assert (seen.made_today, seen.streak, len(seen.latest)) == (True, 2, 5)
    assert [checkin.streak for checkin in seen.latest] == [2, 1, 3, 2, 1], "newest first"
    seen = await on_day(database, 6).checkins(user_id)
    assert (seen.made_today, seen.streak) == (False, 2), "today's check-in is still possible"
    assert (await on_day(database, 7).checkins(user_id)).streak == 0
    assert (await on_day(database, 7).checkins(await new_user(database))).streak == 0
    assert await audit(database) == 5 * COINS


async def test_a_changed_number_of_coins_is_no_second_check_in(database: Database) -> None:
    user_id = await new_user(database)
    await on_day(database, 0, coins=0).check_in(user_id)
    with pytest.raises(CheckedInBefore):
        await on_day(database, 0).check_in(user_id)
    assert await audit(database) == 0
    assert isinstance(await on_day(database, 1).check_in(user_id), Checkin)


async def test_a_full_wallet_is_no_check_in(database: Database) -> None:
    user_id = await new_user(database)
    await open_accounts(database, [reward(user_id)])
    await by_superuser(
        database,
        f"set session_replication_role = replica; update ledger_account set balance = {LARGEST_BALANCE} where owner_id = {user_id}",
    )
    with pytest.raises(TooManyCoins):
        await on_day(database, 0).check_in(user_id)
    assert (await on_day(database, 0).checkins(user_id)).latest == []


async def give(database: Database, user_id: UserId, key: str, coins: int) -> None:
    """A reward by code that checks nothing."""
    await open_accounts(database, [reward(user_id)])
    async with database.transaction() as connection:
        request = Request(user_id, Operation.REWARD, key, fingerprint(key=key))
        held = await hold(connection, request, accounts_of(user_id))
        await post(connection, held, {REWARDS: -coins, reward(user_id): coins})


async def test_the_database_caps_the_rewards_of_a_user_and_day(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    with pytest.raises(asyncpg.CheckViolationError, match="at most 1000 coins of rewards in a day"):
        await give(database, ann, "all at once", 1001)
    gifts = (give(database, ann, f"reward {n}", 300) for n in range(TOGETHER))
    outcomes = await asyncio.gather(*gifts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [asyncpg.CheckViolationError] * (TOGETHER - 3)
    assert (await wallet(database, ann)).reward == 900
    await give(database, ann, "the rest", 100)
    await give(database, ben, "of another user", 1000)
    assert await audit(database) == 2000
    await by_superuser(
        database,
        "set session_replication_role = replica; update ledger_transfer set created_at = created_at - interval '1 day'",
    )
    await give(database, ann, "of another day", 1000)
