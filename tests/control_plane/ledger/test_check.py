"""The check of the ledger, on ledgers that a superuser has changed behind the triggers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import check as checking
from control_plane.ledger import check_store, store
from control_plane.ledger.account import accounts_of, bought, earned
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.check import Beside, LedgerCheck
from control_plane.ledger.check_store import Line, Position, Scope
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, post
from tests.control_plane.ledger.books import audit
from tests.control_plane.people import new_user
from tests.postgres import by_superuser
from tests.waiting import until


@pytest.fixture
def check(database: Database, dsn: str) -> LedgerCheck:
    return LedgerCheck(database, dsn, pause=0)


@pytest.fixture(params=[1, 3, 10_000])
def ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check in ranges of this size."""
    monkeypatch.setattr(checking, "RANGE", request.param)


async def people(database: Database) -> tuple[UserId, UserId]:
    """Two users, who have given each other coins."""
    ann, ben = await new_user(database), await new_user(database)
    await adjust(database, ann, 100, "first")
    for n in range(3):
        await give(database, ann, ben, 10, f"gift {n}")
    await adjust(database, ann, 5, "last")
    return ann, ben


async def give(database: Database, sender: UserId, receiver: UserId, coins: int, key: str) -> None:
    async with database.transaction() as connection:
        await store.open_accounts(connection, [bought(sender), earned(receiver)])
        request = Request(sender, Operation.GIFT, key, fingerprint())
        held = await hold(connection, request, [*accounts_of(sender), *accounts_of(receiver)])
        await post(connection, held, {bought(sender): -coins, earned(receiver): coins})


async def tamper(database: Database, statements: str) -> None:
    await by_superuser(database, f"set session_replication_role = replica; {statements}")


@pytest.mark.usefixtures("ranges")
async def test_a_right_ledger_has_no_difference_and_a_trial_balance(check: LedgerCheck, database: Database) -> None:
    await people(database)
    result = await check.full()
    assert (result.differences, result.found) == (0, [])
    assert result.trial_balance == {Line(True, "bought"): 75, Line(True, "earned"): 30, Line(False, "adjustment"): -105}
    assert (await check.new()).differences == 0
    assert await audit(database) == 105


ANN, BEN = "(select min(id) from app_user)", "(select max(id) from app_user)"
ACCOUNT = f"(select id from ledger_account where owner_id = {ANN} and kind = 'bought')"
SECOND = f"(select id from ledger_entry where account_id = {ACCOUNT} order by id offset 1 limit 1)"
LAST = f"(select max(id) from ledger_entry where account_id = {ACCOUNT})"
GIFT = f"(select transfer_id from ledger_entry where id = {SECOND})"
CHANGES = {
    "a changed balance": (f"update ledger_account set balance = 1000 where id = {ACCOUNT}", "has 1000, its entries say 75"),
    "a changed amount": (f"update ledger_entry set amount = amount + 1 where id = {SECOND}", "sums to 1"),
    "a changed history": (f"update ledger_entry set balance_after = 4 where id = {SECOND}", "-10 on 100 does not give 4"),
    "a deleted entry": (f"delete from ledger_entry where id = {SECOND}", "sums to 10"),
    "the last entry deleted": (f"delete from ledger_entry where id = {LAST}", "has 75, its entries say 70"),
    "a deleted transfer": (
        f"delete from ledger_entry where transfer_id = {GIFT}; delete from ledger_transfer where operation = 'gift' and not exists "
        "(select from ledger_entry where transfer_id = ledger_transfer.id)",
        "-10 on 100 does not give 80",
    ),
    "a transfer without entries": (
        f"insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint) values ({ANN}, 'gift', 'x', '')",
        "has no entries",
    ),
    "coins from nowhere": (
        f"insert into ledger_entry (transfer_id, account_id, amount, balance_after) values ({GIFT}, {ACCOUNT}, 7, 82); "
        f"update ledger_account set balance = 82 where id = {ACCOUNT}",
        "sums to 7",
    ),
    "a negative balance": (
        "alter table ledger_account drop constraint ledger_account_check; "
        f"update ledger_account set kind = 'debt' where id = {ACCOUNT}",
        "(debt of user",
    ),
    "an account of another kind": (
        f"update ledger_account set kind = 'bought' where kind = 'earned' and owner_id = {BEN}",
        "(gift) does not move +10 there",
    ),
    "an account of another user": (
        "insert into app_user (username) values ('eve'); "
        f"update ledger_account set owner_id = (select id from app_user where username = 'eve') where id = {ACCOUNT}",
        "(gift) does not move -10 there",
    ),
    "earnings from the store": (
        "with transfer as (insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint) "
        f"values ({BEN}, 'gift', 'x', '') returning id), "
        f"earned as (update ledger_account set balance = 530 where owner_id = {BEN} and kind = 'earned' returning id) "
        "insert into ledger_entry (transfer_id, account_id, amount, balance_after) "
        "select transfer.id, earned.id, 500, 530 from transfer, earned union all "
        "select transfer.id, store.id, -500, null from transfer, ledger_account store where store.kind = 'store'",
        "(gift) does not move +500 there",
    ),
    "earnings by an adjustment": (
        f"update ledger_account set kind = 'earned' where id = {ACCOUNT}",
        "(adjustment) does not move +100 there",
    ),
    "a balance of the system": (
        "alter table ledger_account drop constraint ledger_account_check; "
        "update ledger_account set balance = 0 where kind = 'store'",
        "(store) has 0",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("ranges")
@pytest.mark.parametrize(("change", "says"), CHANGES.values(), ids=CHANGES)
async def test_a_change_is_found(check: LedgerCheck, database: Database, change: str, says: str) -> None:
    await people(database)
    await tamper(database, change)
    result = await check.full()
    assert result.differences == len(result.found) > 0
    assert any(says in found for found in result.found), result.found
    (latest,) = await check_store.latest(database)
    assert (latest.kind, latest.differences, latest.found) == (Scope.FULL, result.differences, result.found)


async def test_what_is_new_is_checked_and_what_is_old_is_not(check: LedgerCheck, database: Database) -> None:
    ann, ben = await people(database)
    assert (await check.new()).differences == 0
    await tamper(database, f"update ledger_account set balance = 1000 where id = {ACCOUNT}")
    assert (await check.new()).differences == 0, "the account has no new entry"
    assert (await check.full()).differences == 1
    await give(database, ann, ben, 10, "later")
    for _ in range(2):
        result = await check.new()
        assert result.found == [found for found in result.found if "-10 on 75 does not give 990" in found]
        assert result.differences == 1, "until it is repaired"


async def test_the_first_check_of_what_is_new_checks_all_entries(check: LedgerCheck, database: Database) -> None:
    await people(database)
    await tamper(database, CHANGES["a deleted entry"][0])
    assert (await check.new()).differences > 0


async def test_a_range_is_complete_only_when_no_older_transaction_is_open(
    check: LedgerCheck, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older transaction has smaller ids, and commits after the check has read larger ones."""
    (ann, ben), (cleo, dan) = await people(database), await people(database)
    looks = 0
    oldest = check_store.oldest_transaction

    async def told(connection: Connection) -> int:
        nonlocal looks
        looks += 1
        return await oldest(connection)

    monkeypatch.setattr(check_store, "oldest_transaction", told)
    async with database.transaction() as connection:
        held = await hold(
            connection,
            Request(ann, Operation.GIFT, "slow", fingerprint()),
            [*accounts_of(ann), *accounts_of(ben)],
        )
        await post(connection, held, {bought(ann): -10, earned(ben): 10})
        await give(database, cleo, dan, 10, "quick")
        at_work = asyncio.create_task(check.new())
        await until(lambda: at_work.done() or looks > 2)
        assert not at_work.done()
    result = await at_work
    newest = await database.fetchrow("select max(id) as entry, max(transfer_id) as transfer from ledger_entry")
    assert newest is not None
    assert result.checked == Position(newest["entry"], newest["transfer"])
    assert result.trial_balance[Line(True, "bought")] == 75 + 75 - 20, "both gifts were read"


async def test_a_transaction_that_does_not_end_leaves_the_position(
    check: LedgerCheck, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(database)
    first = (await check.new()).checked
    monkeypatch.setattr(checking, "SETTLE_S", 0.0)
    async with database.transaction() as connection:
        await connection.execute("select pg_current_xact_id()")
        await people(database)
        assert (await check.new()).checked == first
    assert (await check.new()).checked > first


async def test_gifts_that_are_sent_meanwhile_are_no_differences(
    check: LedgerCheck, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "RANGE", 20)
    users = [await new_user(database) for _ in range(4)]
    for user in users:
        await adjust(database, user, 1_000_000, "start")
    going_on = True

    async def storm(number: int) -> None:
        n = 0
        while going_on:
            n += 1
            await give(database, users[number], users[(number + 1 + n % 3) % 4], 1, f"{number}/{n}")

    storms = [asyncio.create_task(storm(number)) for number in range(4)]
    try:
        for _ in range(3):
            for result in (await check.full(), await check.new()):
                assert result.found == []
                assert sum(result.trial_balance.values()) == 0
    finally:
        going_on = False
        await asyncio.gather(*storms)
    assert await audit(database) == 4_000_000


async def test_a_change_is_found_though_a_later_entry_continues_it(
    check: LedgerCheck, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is committed before its account is compared: the balance then agrees with its newest entry."""
    ann, ben = await people(database)
    await tamper(database, f"update ledger_account set balance = 1000 where id = {ACCOUNT}")
    compare = check_store.wrong_balances

    async def continued(connection: Connection, after: int, upto: int) -> list[str]:
        await give(database, ann, ben, 10, "meanwhile")
        return await compare(connection, after, upto)

    monkeypatch.setattr(check_store, "wrong_balances", continued)
    (found,) = (await check.full()).found
    assert "-10 on 75 does not give 990" in found


async def test_totals_beside_the_ledger_are_compared_too(database: Database, dsn: str) -> None:
    async def last_id(connection: Connection) -> int:
        return checking.ROWS_BESIDE + 1

    async def totals(connection: Connection, after: int, upto: int) -> Sequence[str]:
        with pytest.raises(Exception, match="read-only"):
            await connection.execute("create table mine ()")
        return [f"{after} to {upto}"]

    beside = Beside("totals", last_id, totals)
    assert (await LedgerCheck(database, dsn, [beside], pause=0).full()).found == ["0 to 500", "500 to 501"]
