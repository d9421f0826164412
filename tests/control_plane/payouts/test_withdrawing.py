"""Requests for payouts: what is reserved, what is refused and why, and many at once."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal

import asyncpg
import pytest

from control_plane.accounts import bans_store, deletion_store
from control_plane.accounts.age import AgeUnknown, TooYoung
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.user import UserNotFound
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger.account import STORE, debt, earned
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import (
    IdempotencyConflict,
    InDebt,
    Operation,
    Request,
    fingerprint,
    hold,
    post,
)
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payouts.model import (
    AlreadyRequested,
    InvalidCoins,
    NoPayoutDetails,
    NotWithdrawable,
    Payout,
    PayoutOnHold,
    State,
    TooFewCoins,
)
from tests.control_plane.payouts.books import audit, reserved
from tests.control_plane.payouts.till import Till
from tests.postgres import by_superuser


async def test_coins_are_reserved_from_the_earnings_alone(database: Database) -> None:
    till = Till(database)
    ann = await till.host(300)
    await adjust(database, ann, 1_000, "bought")

    with pytest.raises(NotWithdrawable, match="You can withdraw 300 coins"):
        await till.withdrawing.request(ann, 301)
    payout = await till.withdrawing.request(ann, 201)

    assert (payout.coins, payout.amount, payout.currency, payout.state) == (
        201,
        Decimal("1.00"),
        "USD",
        State.REQUESTED,
    )
    assert (payout.cash_per_coin, payout.shown) == (Decimal("0.005"), "a•••@example.com")
    assert await wallet(database, ann) == Wallet(bought=1_000, earned=99)
    assert await reserved(database) == 201
    await audit(database)


@pytest.mark.parametrize("coins", [None, 1_300])
async def test_the_whole_wallet_means_all_that_can_be_withdrawn(database: Database, coins: int | None) -> None:
    till = Till(database)
    ann = await till.host(300)
    await adjust(database, ann, 1_000, "bought")

    assert (await till.withdrawing.request(ann, coins)).coins == 300
    assert await wallet(database, ann) == Wallet(bought=1_000)
    await audit(database)


@pytest.mark.parametrize("coins", [0, -1, 10**12 + 1, 2**63])
async def test_impossible_numbers_are_refused(database: Database, coins: int) -> None:
    till = Till(database)
    with pytest.raises(InvalidCoins):
        await till.withdrawing.request(await till.host(300), coins)


async def test_a_payout_has_a_least_number_of_coins_and_is_worth_a_cent(database: Database) -> None:
    till, cheap, worthless = Till(database), Till(database, least=1, rate="0.0004"), Till(database, rate="0")
    ann = await till.host(150)

    with pytest.raises(TooFewCoins, match="at least 100 coins"):
        await till.withdrawing.request(ann, 99)
    with pytest.raises(TooFewCoins, match="at least 25 coins"):
        await cheap.withdrawing.request(ann, 24)
    with pytest.raises(TooFewCoins):
        await worthless.withdrawing.request(ann, 150)
    assert (await cheap.withdrawing.request(ann, 25)).amount == Decimal("0.01")
    assert await reserved(database) == 25


async def test_nothing_earned_is_nothing_to_withdraw(database: Database) -> None:
    till = Till(database)
    ann = await till.host(0)
    await adjust(database, ann, 500, "bought")
    for coins in (None, 100, 500):
        with pytest.raises(NotWithdrawable, match="You can withdraw 0 coins"):
            await till.withdrawing.request(ann, coins)


async def test_a_second_open_request_is_refused_with_the_text_that_the_apps_compare(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    await till.withdrawing.request(ann, 100)

    for coins in (100, 101, 10_000, None):
        with pytest.raises(AlreadyRequested) as refused:
            await till.withdrawing.request(ann, coins)
        assert str(refused.value) == "You have already requested a payout."
    assert await reserved(database) == 100
    await audit(database)


async def test_the_database_itself_holds_that_one_request_is_open(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    await till.withdrawing.request(ann, 100)
    again = """
        insert into payout_request (user_id, coins, cash_per_coin, amount, currency, method, sealed, key_id, shown, transfer_id)
        select user_id, coins, cash_per_coin, amount, currency, method, sealed, key_id, shown,
            (select id from ledger_transfer where id <> transfer_id limit 1) from payout_request
    """
    with pytest.raises(asyncpg.UniqueViolationError, match="payout_request_open"):
        await database.execute(again)


async def test_of_many_requests_at_once_one_reserves(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    answers = await asyncio.gather(
        *(till.withdrawing.request(ann, 100 + n % 3, f"key {n}") for n in range(16)), return_exceptions=True
    )
    assert sum(isinstance(answer, Payout) for answer in answers) == 1
    assert sum(isinstance(answer, AlreadyRequested) for answer in answers) == 15
    assert (await wallet(database, ann)).earned + await reserved(database) == 500
    await audit(database)


async def test_a_repeat_with_its_key_has_the_first_answer(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    answers = await asyncio.gather(*(till.withdrawing.request(ann, 200, "tap") for _ in range(16)))
    assert {answer.id for answer in answers} == {answers[0].id}
    with pytest.raises(IdempotencyConflict):
        await till.withdrawing.request(ann, 201, "tap")
    await till.desk().reject(answers[0].id, "No.")
    assert (await till.withdrawing.request(ann, 200, "tap")).state is State.REJECTED
    assert await reserved(database) == 0
    await audit(database)


async def test_equal_requests_without_a_key_share_an_answer_while_they_overlap(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    answers = await asyncio.gather(*(till.withdrawing.request(ann, 200) for _ in range(8)))
    assert {answer.id for answer in answers} == {answers[0].id}
    with pytest.raises(AlreadyRequested):
        await till.withdrawing.request(ann, 200)
    assert await reserved(database) == 200


async def test_a_caller_who_leaves_does_not_cancel_the_request_of_another_one(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    first = asyncio.create_task(till.withdrawing.request(ann, 200))
    await asyncio.sleep(0)
    second = asyncio.create_task(till.withdrawing.request(ann, 200))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).coins == 200
    await audit(database)


async def test_fresh_earnings_cannot_be_withdrawn_yet(database: Database) -> None:
    till = Till(database, hold=dt.timedelta(days=7))
    ann = await till.host(300)
    till.now = utc_now() + dt.timedelta(days=8)
    assert (await till.withdrawing.earnings(ann)).withdrawable == 300
    till.now = None

    earnings = await till.withdrawing.earnings(ann)
    assert (earnings.earned, earnings.withdrawable, earnings.fresh) == (300, 0, 300)
    with pytest.raises(NotWithdrawable, match=r"You can withdraw 0 coins.* 300 more can be withdrawn later"):
        await till.withdrawing.request(ann, 100)

    till.now = utc_now() + dt.timedelta(days=8)
    payout = await till.withdrawing.request(ann, None)
    await till.desk().reject(payout.id, "No.")
    till.now = None
    assert (
        await database.fetchval(
            "select earned_since(id, now() - interval '1 hour', balance) from ledger_account "
            "where owner_id = $1 and kind = 'earned'",
            ann,
        )
        == 300
    ), "what a rejection returns is not earned again"


async def test_only_the_entries_of_the_time_are_read(database: Database) -> None:
    till = Till(database)
    ann = await till.host(0)
    for coins in (1, 10, 100):
        await till.earn(ann, coins)
    since = "select earned_since(id, $2, balance) from ledger_account where owner_id = $1 and kind = 'earned'"
    times = await database.fetch("select created_at from ledger_transfer where operation = 'gift' order by id")
    assert [await database.fetchval(since, ann, row["created_at"]) for row in times] == [110, 100, 0]


async def test_no_more_entries_are_read_than_have_the_coins_that_are_left(database: Database) -> None:
    """Else two users who give each other one coin all the time could make a request slow, which locks their accounts."""
    till = Till(database, hold=dt.timedelta(days=7))
    ann = await till.host(0)
    for coins in (1, 10, 100):
        await till.earn(ann, coins)
    unreadable = "update ledger_entry set amount = 2::numeric ^ 62 where amount in (1, 10)"  # their sum is out of range
    await by_superuser(database, f"set session_replication_role = replica; {unreadable}")
    fresh = "select earned_since(id, '-infinity', $2) from ledger_account where owner_id = $1 and kind = 'earned'"
    assert [await database.fetchval(fresh, ann, left) for left in (99, 100)] == [99, 100]
    with pytest.raises(asyncpg.NumericValueOutOfRangeError):
        await database.fetchval(fresh, ann, 2**63 - 1)


async def test_a_debt_stops_payouts(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    async with database.transaction() as connection:
        await open_accounts(connection, [debt(ann)])
        request = Request(ann, Operation.REFUND, "refund", fingerprint(coins=5))
        held = await hold(connection, request, [earned(ann), debt(ann)])
        await post(connection, held, {debt(ann): -5, STORE: 5})
    with pytest.raises(InDebt):
        await till.withdrawing.request(ann, 100)


@pytest.mark.parametrize(("dob", "refusal"), [("", AgeUnknown), ("2015-01-01", TooYoung)])
async def test_the_age_has_to_be_known_and_high_enough(database: Database, dob: str, refusal: type[Exception]) -> None:
    till = Till(database)
    ann = await till.host(500, dob=dob)
    with pytest.raises(refusal):
        await till.withdrawing.request(ann, 100)


async def test_without_an_address_there_is_no_payout(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500, address="")
    with pytest.raises(NoPayoutDetails):
        await till.withdrawing.request(ann, 100)


async def test_payouts_are_held_after_a_change_of_the_address(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 100)
    await till.pays_to(ann, "new@example.com", changed_at=utc_now())
    await till.desk().reject(payout.id, "No.")
    with pytest.raises(PayoutOnHold, match="payouts are possible again from"):
        await till.withdrawing.request(ann, 100)
    till.now = utc_now() + dt.timedelta(hours=73)
    assert (await till.withdrawing.request(ann, 100)).shown == "n•••@example.com"


async def _ban(database: Database, user_id: UserId) -> None:
    async with database.transaction() as connection:
        await bans_store.ban(connection, user_id)


async def _delete(database: Database, user_id: UserId) -> None:
    async with database.transaction() as connection:
        await deletion_store.delete(connection, user_id, utc_now())


@pytest.mark.parametrize(("act", "refusal"), [(_ban, AccountBlocked), (_delete, UserNotFound)])
async def test_banned_and_deleted_users_get_no_payout(database: Database, act: type, refusal: type[Exception]) -> None:
    till = Till(database)
    ann = await till.host(500)
    await act(database, ann)
    with pytest.raises(refusal):
        await till.withdrawing.request(ann, 100)
    assert await reserved(database) == 0
    await audit(database)
