from __future__ import annotations

import asyncio

import asyncpg
import pytest

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import amounts
from control_plane.ledger.account import ADJUSTMENT, LARGEST_AMOUNT, LARGEST_BALANCE, accounts_of, bought, debt, earned
from control_plane.ledger.adjustments import InvalidAdjustment, adjust
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import (
    IdempotencyConflict,
    InvalidClientRef,
    NotEnoughCoins,
    Operation,
    Posted,
    Request,
    TooManyCoins,
    fingerprint,
    hold,
    key_of,
    post,
)
from control_plane.ledger.wallets import Wallet, wallet, wallets
from tests.control_plane.backends import waiting_backend
from tests.control_plane.ledger.books import audit, transfers_of
from tests.control_plane.people import new_user
from tests.postgres import by_owner

INSERT_ENTRIES = """
    insert into ledger_entry (transfer_id, account_id, amount, balance_after)
    select $1, id, amount, balance + amount from ledger_account, unnest($2::bigint[]) as amount where owner_id = $3
"""
INSERT_TRANSFER = """
    insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint)
    values ($1, 'gift', 'k', '') returning id
"""


def request_by(user_id: UserId, key: str, coins: int) -> Request:
    return Request(user_id, Operation.GIFT, key, fingerprint(coins=coins))


async def pay(database: Database, payer: UserId, payee: UserId, coins: int, key: str) -> Wallet:
    """Make a payment by the protocol of `transfers`; returns the payer's wallet after it."""
    async with database.transaction() as connection:
        await open_accounts(connection, [earned(payee)])
        accounts = [*accounts_of(payer), earned(payee)]
        held = await hold(connection, request_by(payer, key, coins), accounts)
        if held.repeats is not None:
            return held.wallet(payer)
        posted = await post(connection, held, amounts.gift(held.wallet(payer), payer, payee, coins))
        return posted.wallet(payer)


async def rich(database: Database, coins: int) -> UserId:
    user_id = await new_user(database)
    await adjust(database, user_id, coins, "start")
    return user_id


async def test_a_user_who_never_had_a_coin_has_an_empty_wallet(database: Database) -> None:
    ann, ben = await new_user(database), await rich(database, 7)

    assert await wallets(database, [ann, ben]) == {ann: Wallet(), ben: Wallet(bought=7)}


async def test_bought_coins_are_spent_before_earned_ones(database: Database) -> None:
    ann, ben = await rich(database, 10), await rich(database, 3)
    await pay(database, ann, ben, 5, "a")

    assert await wallet(database, ben) == Wallet(bought=3, earned=5)
    assert await pay(database, ben, ann, 4, "b") == Wallet(bought=0, earned=4)
    assert await wallet(database, ann) == Wallet(bought=5, earned=4)
    assert await audit(database) == 13


async def test_spending_more_than_there_is_says_what_is_missing_and_changes_nothing(database: Database) -> None:
    ann, ben = await rich(database, 10), await new_user(database)

    with pytest.raises(NotEnoughCoins, match="2 more are needed") as refused:
        await pay(database, ann, ben, 12, "a")

    assert refused.value.missing == 2
    assert await wallets(database, [ann, ben]) == {ann: Wallet(bought=10), ben: Wallet()}
    assert await transfers_of(database, ann) == 1


async def test_a_refusal_is_not_remembered(database: Database) -> None:
    ann, ben = await rich(database, 1), await new_user(database)
    with pytest.raises(NotEnoughCoins, match="1 more is needed"):
        await pay(database, ann, ben, 2, "a")
    await adjust(database, ann, 1, "more")

    assert await pay(database, ann, ben, 2, "a") == Wallet()


async def test_concurrent_spending_never_takes_more_than_there_is(database: Database) -> None:
    ann, ben = await rich(database, 3), await new_user(database)

    outcomes = await asyncio.gather(
        *(pay(database, ann, ben, 1, f"key-{n}") for n in range(16)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Wallet) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, NotEnoughCoins) for outcome in outcomes) == 13
    assert await wallets(database, [ann, ben]) == {ann: Wallet(), ben: Wallet(earned=3)}
    await audit(database)


async def test_a_repeat_that_waits_for_its_first_attempt_is_answered_as_that_one(database: Database) -> None:
    """When it looks for its key, the coins are gone and the key is there; had it looked before it waited, neither were."""
    ann, ben = await rich(database, 6), await new_user(database)
    await pay(database, ann, ben, 1, "opens the account")
    async with database.transaction() as connection:
        accounts = [*accounts_of(ann), earned(ben)]
        held = await hold(connection, request_by(ann, "same", 5), accounts)
        await post(connection, held, amounts.gift(held.wallet(ann), ann, ben, 5))
        repeat = asyncio.create_task(pay(database, ann, ben, 5, "same"))
        await waiting_backend(database)

    assert await repeat == Wallet()
    assert await wallet(database, ben) == Wallet(earned=6)
    assert await audit(database) == 6


async def test_an_account_that_is_opened_while_one_waits_for_the_locks_is_held(database: Database) -> None:
    """Else a payout would not see the debt of a refund that was made meanwhile."""
    ann = await rich(database, 5)

    async def wallet_when_held() -> Wallet:
        async with database.transaction() as connection:
            return (await hold(connection, request_by(ann, "second", 1), accounts_of(ann))).wallet(ann)

    async with database.transaction() as connection:
        await open_accounts(connection, [debt(ann)])
        held = await hold(connection, Request(ann, Operation.REFUND, "first", fingerprint()), accounts_of(ann))
        waits = asyncio.create_task(wallet_when_held())
        await waiting_backend(database)
        await post(connection, held, amounts.refund(held.wallet(ann), ann, 8))

    assert await waits == Wallet(debt=3)


async def test_the_same_payment_made_many_times_at_once_is_made_once(database: Database) -> None:
    ann, ben = await rich(database, 5), await new_user(database)

    answers = await asyncio.gather(*(pay(database, ann, ben, 5, "same") for _ in range(16)))

    assert answers == [Wallet()] * 16
    assert await wallet(database, ben) == Wallet(earned=5)


async def test_a_key_of_another_request_is_refused(database: Database) -> None:
    ann, ben = await rich(database, 5), await new_user(database)
    await pay(database, ann, ben, 1, "a")

    with pytest.raises(IdempotencyConflict):
        await pay(database, ann, ben, 2, "a")

    assert await wallet(database, ann) == Wallet(bought=4)


async def test_a_key_belongs_to_one_user(database: Database) -> None:
    ann, ben = await rich(database, 5), await rich(database, 5)

    await pay(database, ann, ben, 1, "a")
    await pay(database, ben, ann, 2, "a")

    assert await wallets(database, [ann, ben]) == {ann: Wallet(4, 2), ben: Wallet(3, 1)}


async def test_payments_in_both_directions_do_not_wait_for_each_other(database: Database) -> None:
    ann, ben = await rich(database, 50), await rich(database, 50)

    await asyncio.gather(*(pay(database, *pair, 1, f"key-{n}") for n in range(20) for pair in ((ann, ben), (ben, ann))))

    both = await wallets(database, [ann, ben])
    assert [both[user].total for user in (ann, ben)] == [50, 50]
    assert await audit(database) == 100


async def test_concurrent_transfers_open_an_account_once(database: Database) -> None:
    ann = await new_user(database)

    await asyncio.gather(*(open_accounts(database, [earned(ann), bought(ann)]) for _ in range(16)))

    assert await database.fetchval("select count(*) from ledger_account where owner_id = $1", ann) == 2


async def test_an_adjustment_is_made_once_per_key(database: Database) -> None:
    ann = await new_user(database)

    answers = await asyncio.gather(*(adjust(database, ann, 100, "demo") for _ in range(8)))
    with pytest.raises(IdempotencyConflict):
        await adjust(database, ann, 101, "demo")

    assert answers == [Wallet(bought=100)] * 8
    assert await audit(database) == 100


@pytest.mark.parametrize("coins", [0, -1, -(2**70)])
async def test_an_adjustment_below_one_coin_is_refused(database: Database, coins: int) -> None:
    ann = await new_user(database)

    with pytest.raises(InvalidAdjustment):
        await adjust(database, ann, coins, "k")

    assert await wallet(database, ann) == Wallet()


@pytest.mark.parametrize("coins", [LARGEST_AMOUNT + 1, 2**63 - 1, 2**63, 2**200])
async def test_more_than_a_transfer_may_move_is_refused(database: Database, coins: int) -> None:
    ann = await rich(database, 1)

    with pytest.raises(TooManyCoins):
        await adjust(database, ann, coins, "k")

    assert await wallet(database, ann) == Wallet(bought=1)


async def test_more_than_an_account_may_hold_is_refused(database: Database) -> None:
    ann = await rich(database, LARGEST_AMOUNT)
    for n in range(1, LARGEST_BALANCE // LARGEST_AMOUNT):
        await adjust(database, ann, LARGEST_AMOUNT, f"key-{n}")

    with pytest.raises(TooManyCoins):
        await adjust(database, ann, 1, "last")

    assert await wallet(database, ann) == Wallet(bought=LARGEST_BALANCE)


@pytest.mark.parametrize("client_ref", ["", "x" * 65, "a\0b", "line\nbreak", "\ud800"])
def test_a_client_ref_that_is_no_key_is_refused(client_ref: str) -> None:
    with pytest.raises(InvalidClientRef):
        key_of(client_ref)


def test_without_a_client_ref_every_request_is_another() -> None:
    assert key_of(None) != key_of(None)


def test_a_fingerprint_depends_on_every_field_and_not_on_their_order() -> None:
    assert fingerprint(a=1, b="2") == fingerprint(b="2", a=1) == fingerprint(a=1, b="2", c=None)
    assert len({fingerprint(a=1), fingerprint(a="1"), fingerprint(b=1), fingerprint(a=2**80), fingerprint()}) == 5


async def _transfer_of(connection: Connection, user_id: UserId) -> Posted:
    request = Request(user_id, Operation.ADJUSTMENT, "k", b"")
    held = await hold(connection, request, [bought(user_id)])
    return await post(connection, held, {ADJUSTMENT: -1, bought(user_id): 1})


async def _insert_entries(database: Database, user_id: UserId, amounts: list[int]) -> None:
    async with database.transaction() as connection:
        transfer_id = await connection.fetchval(INSERT_TRANSFER, user_id)
        await connection.execute(INSERT_ENTRIES, transfer_id, amounts, user_id)


@pytest.mark.parametrize("amounts", [[1], [1, -2], [5, -4, -2]])
async def test_entries_that_do_not_sum_to_zero_are_refused_by_the_database(
    database: Database, amounts: list[int]
) -> None:
    ann = await rich(database, 10)

    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
        await _insert_entries(database, ann, amounts)

    await _insert_entries(database, ann, [5, -3, -2])


async def test_a_balance_below_zero_is_refused_by_the_database(database: Database) -> None:
    ann = await rich(database, 10)

    with pytest.raises(asyncpg.CheckViolationError):
        await database.execute("update ledger_account set balance = balance - 11 where owner_id = $1", ann)


async def test_a_balance_changes_only_with_an_entry(database: Database) -> None:
    ann = await rich(database, 10)

    with pytest.raises(asyncpg.CheckViolationError, match="together with an entry"):
        await database.execute("update ledger_account set balance = 11 where owner_id = $1", ann)

    assert await audit(database) == 10


async def test_a_new_account_has_no_coins(database: Database) -> None:
    ann = await rich(database, 10)

    with pytest.raises(asyncpg.CheckViolationError, match="begins without coins"):
        await database.execute("insert into ledger_account (owner_id, kind, balance) values ($1, 'earned', 5)", ann)

    assert await audit(database) == 10


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_transfer"])
@pytest.mark.parametrize(
    "statement", ["update {} set id = default", "delete from {}", "truncate {} cascade", "delete from {} where false"]
)
async def test_the_ledger_only_appends(database: Database, table: str, statement: str) -> None:
    await rich(database, 10)

    with pytest.raises(asyncpg.CheckViolationError, match="append-only"):
        await by_owner(database, statement.format(table))


async def test_system_accounts_keep_no_balance_and_are_not_waited_for(database: Database) -> None:
    ann, ben = await rich(database, 1), await rich(database, 1)

    async with database.transaction() as ours, database.transaction() as theirs:
        await _transfer_of(ours, ann)
        async with asyncio.timeout(10):
            await _transfer_of(theirs, ben)

    assert await database.fetch("select * from ledger_account where owner_id is null and balance is not null") == []
    assert await audit(database) == 4
