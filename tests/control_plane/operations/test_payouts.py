"""What operators do with payouts: states, two operators, repeats, races, and the file for the bank."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
from pathlib import Path

import asyncpg
import pytest

from control_plane.base.clock import utc_now
from control_plane.base.ids import LARGEST_ID, UserId
from control_plane.db.pool import Database, open_pool
from control_plane.inbox.model import Kind
from control_plane.ledger.account import ADJUSTMENT, accounts_of, debt
from control_plane.ledger.store import lock_accounts, open_accounts
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, post
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.operations import audit as log
from control_plane.operations import payouts as operations
from control_plane.operations.payouts import (
    AnotherOperatorNeeded,
    NoSuchPayout,
    PayoutHeld,
    WrongState,
)
from control_plane.payouts import check_store, store
from control_plane.payouts.model import Payout, State
from tests.control_plane.backends import waiting_backend
from tests.control_plane.payouts.books import audit, paid, reserved
from tests.control_plane.payouts.till import MAIL, Till
from tests.postgres import by_owner, by_superuser


async def state(database: Database, payout: Payout) -> State:
    found = await store.get(database, payout.id)
    assert found is not None
    return found.state


async def acts(database: Database, user_id: UserId) -> list[tuple[str, str]]:
    """Actor and act, oldest first."""
    entries = await log.latest(database, 100, log.user(user_id))
    return [(entry.actor, entry.act) for entry in reversed(entries)]


async def told(database: Database, user_id: UserId) -> list[str]:
    rows = await database.fetch(
        "select text from inbox_entry where receiver_id = $1 and kind = $2 order by number", user_id, Kind.PAYOUT.value
    )
    return [row["text"] for row in rows]


async def letters(database: Database) -> int:
    count: int = await database.fetchval("select count(*) from pgqueuer where entrypoint = 'send_payout_letter'")
    return count


async def test_a_payout_is_approved_and_paid_and_the_user_is_told(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 200)
    desk = till.desk()

    with pytest.raises(WrongState, match="not approved yet"):
        await desk.pay(payout.id, "TX 1")
    assert [await desk.approve(payout.id) for _ in range(2)] == [True, False]
    assert [await desk.pay(payout.id, "TX 1") for _ in range(2)] == [True, False]

    with pytest.raises(WrongState, match="is paid already with the reference TX 1"):
        await desk.pay(payout.id, "TX 2")
    for act in (desk.approve(payout.id), desk.reject(payout.id, "No.", approved_too=True)):
        with pytest.raises(WrongState, match="is paid already"):
            await act
    assert await state(database, payout) is State.PAID
    assert (await reserved(database), await paid(database)) == (0, 200)
    assert await wallet(database, ann) == Wallet(earned=300)
    assert await acts(database, ann) == [("cli:olga", "user.payout_approved"), ("cli:olga", "user.payout_paid")]
    assert await told(database, ann) == [
        "200 coins, 1.00 USD: approved. It will be paid to a•••@example.com.",
        "200 coins, 1.00 USD: paid to a•••@example.com. The reference is TX 1.",
    ]
    assert await letters(database) == 1
    await audit(database)
    assert (await till.withdrawing.request(ann, 100)).state is State.REQUESTED, "the next one may be asked for"


async def test_a_rejection_gives_the_coins_back_once_with_its_reason(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 200)
    desk = till.desk()

    assert [await desk.reject(payout.id, "The name differs.") for _ in range(2)] == [True, False]
    for act in (desk.approve(payout.id), desk.pay(payout.id, "TX 1")):
        with pytest.raises(WrongState, match="is rejected already"):
            await act
    assert await wallet(database, ann) == Wallet(earned=500)
    assert await acts(database, ann) == [("cli:olga", "user.payout_rejected")]
    assert await told(database, ann) == [
        "200 coins, 1.00 USD: rejected, and the coins are yours again. The reason: The name differs."
    ]
    assert await letters(database) == 1
    await audit(database)


async def test_an_approved_payout_is_rejected_only_on_purpose(database: Database, tmp_path: Path) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 200)
    desk = till.desk()
    await desk.approve(payout.id)
    with pytest.raises(WrongState, match="With --even-approved it is rejected"):
        await desk.reject(payout.id, "No.")
    await desk.write_file(tmp_path / "bank.csv")
    with pytest.raises(WrongState, match="is in a file for the bank"):
        await desk.reject(payout.id, "No.")
    assert await desk.reject(payout.id, "No.", approved_too=True)
    assert await wallet(database, ann) == Wallet(earned=500)
    await audit(database)


async def test_the_check_of_the_ledger_finds_a_payout_that_disagrees(database: Database) -> None:
    till = Till(database)
    payouts = [await till.withdrawing.request(await till.host(500), coins) for coins in (100, 200)]
    await till.desk().approve(payouts[1].id)
    await till.desk().pay(payouts[1].id, "TX 1")
    await by_owner(database, f"update payout_request set coins = coins + 1 where id = {payouts[0].id}")
    await database.execute(
        "update payout_request set state = 'rejected', bank_reference = '' where id = $1", payouts[1].id
    )
    async with database.transaction() as connection:
        first, second = (payout.id for payout in payouts)
        wrong = [
            f"payout {first}: 101 coins, the ledger has 100",
            f"payment of payout {second}: 0 coins, the ledger has 200",
        ]
        assert await check_store.differences(connection, 0, second) == wrong
        assert await check_store.differences(connection, first, second) == wrong[1:], "only the range"
        assert await check_store.without_payout(connection, 0, LARGEST_ID) == []
    await by_superuser(
        database, f"set session_replication_role = replica; delete from payout_request where id = {second}"
    )
    async with database.transaction() as connection:
        found = await check_store.without_payout(connection, 0, LARGEST_ID)
    assert [one.split(" ", 2)[2] for one in found] == ["(payout) has no payout", "(payout_paid) has no payout"]


async def test_of_an_approval_and_rejections_at_once_one_wins(database: Database) -> None:
    till = Till(database)
    for _ in range(5):
        ann = await till.host(500)
        payout = await till.withdrawing.request(ann, 200)
        answers = await asyncio.gather(
            *(till.desk(f"op{n}").approve(payout.id) for n in range(4)),
            *(till.desk(f"op{n}").reject(payout.id, "No.") for n in range(4)),
            return_exceptions=True,
        )
        assert answers.count(True) == 1
        assert len(await acts(database, ann)) == 1
        assert (await state(database, payout)) in (State.APPROVED, State.REJECTED)
        await audit(database)


async def test_of_a_payment_and_a_rejection_at_once_one_wins(database: Database) -> None:
    till = Till(database)
    for _ in range(5):
        ann = await till.host(500)
        payout = await till.withdrawing.request(ann, 200)
        await till.desk().approve(payout.id)
        answers = await asyncio.gather(
            *(till.desk().pay(payout.id, "TX 1") for _ in range(3)),
            *(till.desk().reject(payout.id, "No.", approved_too=True) for _ in range(3)),
            return_exceptions=True,
        )
        assert answers.count(True) == 1
        await audit(database)


async def test_large_payouts_need_two_operators(database: Database, tmp_path: Path) -> None:
    till = Till(database, two_operators_from=200)
    large = await till.withdrawing.request(await till.host(500), 200)
    small = await till.withdrawing.request(await till.host(500), 199)
    for payout in (large, small):
        await till.desk("olga").approve(payout.id)

    with pytest.raises(AnotherOperatorNeeded, match="another operator has to pay it"):
        await till.desk("olga").pay(large.id, "TX 1")
    written = await till.desk("olga").write_file(tmp_path / "olga.csv")
    assert ([payout.id for payout in written.payouts], written.left_out) == ([small.id], [large.id])
    assert await till.desk("olga").pay(small.id, "TX 1")
    written = await till.desk("otto").write_file(tmp_path / "otto.csv")
    assert [payout.id for payout in written.payouts] == [large.id]
    assert await till.desk("otto").pay(large.id, "TX 2")
    await audit(database)


async def test_nothing_is_paid_while_a_change_of_the_address_holds_it(database: Database, tmp_path: Path) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 200)
    await till.desk().approve(payout.id)
    await till.pays_to(ann, "new@example.com", changed_at=utc_now())

    with pytest.raises(PayoutHeld, match="Payouts are held until"):
        await till.desk().pay(payout.id, "TX 1")
    written = await till.desk().write_file(tmp_path / "early.csv")
    assert (written.payouts, written.left_out) == ([], [payout.id])
    till.now = utc_now() + dt.timedelta(hours=73)
    await till.desk().write_file(tmp_path / "late.csv")
    assert "ann@example.com" in (tmp_path / "late.csv").read_text(), "the address that it was made with"
    assert await till.desk().pay(payout.id, "TX 1")
    await audit(database)


async def test_nothing_is_paid_to_a_user_whose_purchase_was_refunded_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 500)
    await till.desk().approve(payout.id)
    async with database.transaction() as connection:
        await open_accounts(connection, [debt(ann)])
        held = await hold(connection, Request(ann, Operation.ADJUSTMENT, "debt", fingerprint()), accounts_of(ann))
        await post(connection, held, {debt(ann): -40, ADJUSTMENT: 40})

    with pytest.raises(PayoutHeld, match="owes 40 coins of refunded purchases"):
        await till.desk().pay(payout.id, "TX 1")
    written = await till.desk().write_file(tmp_path / "payouts.csv")
    assert (written.payouts, written.left_out) == ([], [payout.id])
    assert await till.desk().reject(payout.id, "You owe coins.", approved_too=True)
    assert await wallet(database, ann) == Wallet(earned=500, debt=40)
    await audit(database)


async def test_an_unknown_payout_is_told(database: Database) -> None:
    desk = Till(database).desk()
    for act in (desk.get(7), desk.approve(7), desk.reject(7, "No."), desk.pay(7, "TX")):
        with pytest.raises(NoSuchPayout, match="no payout 7"):
            await act


# ── the file for the bank ──


async def test_the_file_has_each_approved_payout_once_with_its_whole_address(
    database: Database, tmp_path: Path
) -> None:
    till = Till(database)
    approved = []
    for address in (MAIL, "DE89370400440532013000"):
        approved.append(await till.withdrawing.request(await till.host(500, address), 200))
        await till.desk().approve(approved[-1].id)
    await till.withdrawing.request(await till.host(500), 200)
    file = tmp_path / "bank.csv"

    written = await till.desk().write_file(file)

    assert [payout.id for payout in written.payouts] == [payout.id for payout in approved]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["bank.csv"]
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["payout"], row["method"], row["address"], row["amount"], row["currency"]) for row in rows] == [
        (str(approved[0].id), "paypal", MAIL, "1.00", "USD"),
        (str(approved[1].id), "bank", "DE89370400440532013000", "1.00", "USD"),
    ]
    assert ("cli:olga", "user.payout_exported") in await acts(database, approved[0].user_id)
    with pytest.raises(FileExistsError):
        await till.desk().write_file(file)
    assert (await till.desk().write_file(tmp_path / "next.csv")).payouts == []


async def test_files_that_are_written_at_once_share_no_payout(database: Database, tmp_path: Path) -> None:
    till = Till(database)
    for _ in range(12):
        payout = await till.withdrawing.request(await till.host(200), 200)
        await till.desk().approve(payout.id)
    files = await asyncio.gather(*(till.desk().write_file(tmp_path / f"{n}.csv") for n in range(4)))
    ids = [payout.id for written in files for payout in written.payouts]
    assert len(ids) == 12
    assert len(set(ids)) == 12


async def test_a_file_takes_the_same_statements_for_any_number_of_payouts(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    till, counts = Till(database), []
    for number in (1, 12):
        for _ in range(number):
            await till.desk().approve((await till.withdrawing.request(await till.host(200), 200)).id)
        one = await open_pool(dsn, size=1)
        statements: list[str] = []
        async with one.connection() as connection:
            connection.add_query_logger(lambda logged, into=statements: into.append(logged.query))
        written = await Till(one).desk().write_file(tmp_path / f"{number}.csv")
        await one.close()
        assert len(written.payouts) == number
        counts.append(len(statements))
    assert counts[0] == counts[1] > 4, "the statements were seen"


async def test_a_file_is_written_in_batches_up_to_its_limit(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "BATCH", 2)
    till = Till(database, two_operators_from=200)
    ids = []
    for coins in (100, 200, 100, 100, 200, 100, 100):
        payout = await till.withdrawing.request(await till.host(200), coins)
        await till.desk("olga").approve(payout.id)
        ids.append(payout.id)
    written = await till.desk("olga").write_file(tmp_path / "first.csv", limit=4)
    assert ([payout.id for payout in written.payouts], written.left_out) == (
        [ids[0], *ids[2:4], ids[5]],
        [ids[1], ids[4]],
    )
    written = await till.desk("otto").write_file(tmp_path / "second.csv")
    assert [payout.id for payout in written.payouts] == [ids[1], ids[4], ids[6]]


async def test_a_decision_that_waits_for_a_file_stops_no_gifts(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 200)
    await till.desk().approve(payout.id)
    async with database.transaction() as file:
        await store.lock(file, payout.id)
        paying = asyncio.create_task(till.desk().pay(payout.id, "TX 1"))
        await waiting_backend(database)
        async with database.transaction() as gift:
            await gift.execute("set local lock_timeout = '1s'")
            await lock_accounts(gift, accounts_of(ann))
    assert await paying
    await audit(database)


async def test_a_file_that_fails_is_removed_and_marks_nothing(database: Database, tmp_path: Path) -> None:
    till = Till(database)
    payout = await till.withdrawing.request(await till.host(500), 200)
    await till.desk().approve(payout.id)
    await by_owner(database, "alter table audit_log add check (act <> 'user.payout_exported')")
    with pytest.raises(asyncpg.CheckViolationError):
        await till.desk().write_file(tmp_path / "bank.csv")
    assert list(tmp_path.iterdir()) == []
    assert (await till.desk().get(payout.id)).exported_at is None


async def test_names_in_the_file_are_no_formulas(database: Database, tmp_path: Path) -> None:
    till = Till(database)
    ann = await till.host(500)
    await database.execute("update app_user set username = '-1+cmd' where id = $1", ann)
    await till.desk().approve((await till.withdrawing.request(ann, 200)).id)
    await till.desk().write_file(tmp_path / "bank.csv")
    assert ",'-1+cmd," in (tmp_path / "bank.csv").read_text()


async def test_reading_an_address_is_recorded(database: Database) -> None:
    till = Till(database)
    payout = await till.withdrawing.request(await till.host(500), 200)
    address = await till.desk().read_address(payout)
    assert address is not None
    assert address.value == MAIL
    assert await acts(database, payout.user_id) == [("cli:olga", "user.payout_address_read")]
