"""Purchases through faults: stores that are down or slow, a database that is away, and a server that is killed between
any two steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from fractions import Fraction
from typing import Any

import pytest

from control_plane.base.ids import UserId
from control_plane.db.connections import Connections
from control_plane.db.pool import DEADLINE_S, Database, DatabaseUnavailable, Lease, Transaction
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments import claims_store as claims
from control_plane.payments import notifications_store as notices
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.due import AT_ONCE, PurchaseRetention, delete_old_claims
from control_plane.payments.errors import PurchasePending, PurchaseWaits
from control_plane.payments.purchases import ATTEMPTS
from control_plane.payments.stores.model import Claim, Message, NotificationRefused, State
from tests.control_plane.ledger.books import audit
from tests.control_plane.payments.shopping import RealStore, Shopping
from tests.control_plane.people import new_user


async def test_a_purchase_waits_while_the_store_is_down_and_is_credited_when_it_is_back(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell()
    shopping.real.is_down = True
    for _ in range(2):
        with pytest.raises(PurchaseWaits, match="the coins come as soon as the store confirms it"):
            await shopping.present(ann, sold)
    for _ in range(3):
        await shopping.work()
    (claim,) = await claims.open_claims(database, 10)
    assert (claim.state, claim.reason, claim.attempts) == ("waiting", "purchase_waits", 3)
    assert claim.due_at is not None
    assert (claim.due_at - claim.changed_at).total_seconds() > 200, "the time between two questions doubles"
    (waiting,) = await claims.waiting(database)
    assert (waiting.store, waiting.claims) == ("real", 1)
    assert await audit(database) == 0

    shopping.real.is_down = False
    shopping.restart()
    await shopping.work()
    assert await wallet(database, ann) == Wallet(bought=100)
    assert [row["kind"] for row in await database.fetch("select kind from inbox_entry")] == ["coins_credited"]
    assert await claims.open_claims(database, 10) == []
    assert (await shopping.present(ann, sold)).replayed
    assert await audit(database) == 100


async def test_a_store_that_does_not_answer_in_time_is_asked_again(database: Database) -> None:
    shopping = Shopping(database, look_up_s=0.05)
    await database.execute(
        "insert into coin_package (id, product_id, title, coins, price_minor) values (1, 'coins_100', '', 100, 1)"
    )
    ann = await new_user(database)
    sold = shopping.real.sell()
    shopping.real.hold_back()
    with pytest.raises(PurchaseWaits):
        await shopping.present(ann, sold)
    await shopping.work()
    assert await audit(database) == 100


async def test_a_fault_of_an_adapter_loses_no_purchase(
    database: Database, shopping: Shopping, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell()

    async def broken(reference: str) -> None:
        raise KeyError(reference)

    with monkeypatch.context() as patch:
        patch.setattr(shopping.real, "look_up", broken)
        with pytest.raises(PurchaseWaits):
            await shopping.present(ann, sold)
    await shopping.work()
    assert await audit(database) == 100


async def test_a_store_that_is_not_told_is_told_later(database: Database, shopping: Shopping) -> None:
    """Google Play refunds a purchase that is not consumed."""
    ann = await new_user(database)
    sold = shopping.real.sell()
    answer = shopping.real.hold_back()
    call = asyncio.create_task(shopping.present(ann, sold))
    await shopping.real.held_back.wait()
    shopping.real.is_down = True
    answer.set()
    assert (await call).wallet == Wallet(bought=100), "the coins do not wait for it"
    assert shopping.real.finished == []
    await shopping.work()
    shopping.real.is_down = False
    await shopping.work()
    assert shopping.real.finished == [sold]
    assert await claims.open_claims(database, 10) == []
    assert await audit(database) == 100


async def test_a_claim_is_not_asked_about_for_ever(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    with pytest.raises(PurchasePending):
        await shopping.present(ann, shopping.real.sell(state=State.PENDING))
    await database.execute("update purchase_claim set attempts = $1", ATTEMPTS)
    await shopping.work()
    (claim,) = await claims.refused(database, 10)
    assert (claim.reason, claim.due_at) == ("purchase_pending", None)


async def test_a_store_that_was_taken_out_of_the_settings_keeps_its_claims(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell()
    shopping.real.is_down = True
    with pytest.raises(PurchaseWaits):
        await shopping.present(ann, sold)
    await shopping.notify(sold)
    connected, shopping.stores = shopping.stores, ConnectedStores([shopping.sandbox])
    shopping.restart()
    await shopping.work()
    assert len(await claims.open_claims(database, 10)) == 1
    assert (await notices.waiting(database))[0] == 1

    shopping.stores, shopping.real.is_down = connected, False
    shopping.restart()
    await shopping.work()
    assert await audit(database) == 100
    assert (await notices.waiting(database))[0] == 0


async def test_one_claim_that_fails_does_not_hold_up_the_others(database: Database, shopping: Shopping) -> None:
    other = RealStore()
    other.name = "other"
    ann = await new_user(database)
    stores = ConnectedStores([shopping.real, other])
    shopping.stores = stores
    shopping.restart()
    shopping.real.is_down = True
    for _ in range(12):
        with pytest.raises(PurchaseWaits):
            await shopping.present(ann, shopping.real.sell())
    async with database.transaction() as connection:
        await claims.keep(connection, ann, "other", other.sell(), "", None)
    await shopping.work()
    assert await audit(database) == 100
    assert len(await claims.open_claims(database, 20)) == 12


@pytest.mark.parametrize("by", ["claim", "notification"])
async def test_a_store_that_is_down_is_not_asked_about_all_of_its_purchases(
    database: Database, shopping: Shopping, by: str
) -> None:
    shopping.real.is_down = True
    for number in range(4 * AT_ONCE):
        ann = await new_user(database)
        sold = shopping.real.sell(account=await shopping.accounts.of(ann))
        if by == "notification":
            await shopping.notify(sold, f"n{number}")
        else:
            with pytest.raises(PurchaseWaits):
                await shopping.present(ann, sold)
    sandbox = await shopping.sandbox_receipt(ann)
    await shopping.notifications.take("sandbox", shopping.sandbox.notification(sandbox))
    before = shopping.real.asked
    await shopping.work()
    assert shopping.real.asked - before <= AT_ONCE
    assert await audit(database) == 100, "the other store is asked"

    shopping.real.is_down = False
    await shopping.work()
    assert await audit(database) == 100 + 100 * 4 * AT_ONCE


# ── a killed server ──


class MortalDatabase(Database):
    """Ends the work that uses it before its `steps`-th use: as if the server was killed there. A transaction that a killed
    server leaves is rolled back, so a step inside of one is no other case."""

    steps: int | None = None

    def step(self) -> None:
        if self.steps is not None:
            if not self.steps:
                raise asyncio.CancelledError
            self.steps -= 1

    def connection(self, deadline_s: float = DEADLINE_S) -> Lease:
        self.step()
        return super().connection(deadline_s)

    def transaction(self, deadline_s: float = DEADLINE_S) -> Transaction:
        self.step()
        return super().transaction(deadline_s)


@pytest.fixture
async def mortal(dsn: str, shopping: Shopping) -> AsyncIterator[MortalDatabase]:
    """The database and the store of `shopping`, which can be killed."""
    database = MortalDatabase(Connections(dsn, 10))
    shopping.database = database
    shopping.real.step = database.step
    shopping.restart()
    yield database
    await database.close()


async def killed_at(step: int, mortal: MortalDatabase, work: Coroutine[Any, Any, object]) -> bool:
    """False: the work was done before. The next work is that of a server that was started again."""
    mortal.steps = step
    try:
        await work
        return False
    except asyncio.CancelledError:
        return True
    finally:
        mortal.steps = None


async def test_a_server_that_is_killed_between_any_steps_of_a_call_loses_nothing(
    mortal: MortalDatabase, shopping: Shopping
) -> None:
    step, total, by_the_job = 0, 0, 0
    killed = True
    while killed:
        ann = await new_user(mortal)
        sold = shopping.real.sell()
        killed = await killed_at(step, mortal, shopping.present(ann, sold))
        kept = await mortal.fetchval("select count(*) from purchase_claim where user_id = $1", ann)
        before = await wallet(mortal, ann)
        shopping.restart()
        await shopping.work()
        after = await wallet(mortal, ann)
        assert after == Wallet(bought=100 * kept), "once the claim is kept, the coins come"
        assert shopping.real.finished.count(sold) >= kept, "and the store is told"
        by_the_job += after != before
        total += after.total
        step += 1
    assert by_the_job >= 3
    assert total > by_the_job * 100
    assert await audit(mortal) == total
    assert await claims.open_claims(mortal, 10) == []


async def test_a_server_that_is_killed_between_any_steps_of_the_job_loses_nothing(
    mortal: MortalDatabase, shopping: Shopping
) -> None:
    step, total = 0, 0
    killed = True
    while killed:
        ann, ben, eve = [await new_user(mortal) for _ in range(3)]
        waiting = shopping.real.sell(state=State.PENDING)
        with pytest.raises(PurchasePending):
            await shopping.present(ann, waiting)
        shopping.real.set(waiting)
        await shopping.notify(shopping.real.sell(account=await shopping.accounts.of(ben)), f"paid{step}")
        refunded = await shopping.buy(eve, shopping.real.sell())
        shopping.real.set(refunded, refunded=Fraction(1, 2))
        await shopping.notify(refunded, f"refunded{step}")
        await mortal.execute("update purchase_claim set due_at = now() where due_at is not null")
        killed = await killed_at(step, mortal, shopping.due.work())
        shopping.restart()
        await shopping.work()
        assert await wallet(mortal, ann) == await wallet(mortal, ben) == Wallet(bought=100)
        assert await wallet(mortal, eve) == Wallet(bought=50)
        total += 250
        step += 1
    assert step > 12
    assert await audit(mortal) == total
    kinds = await mortal.fetch("select kind, count(*) as n from inbox_entry group by kind")
    assert {row["kind"]: row["n"] for row in kinds} == {"coins_credited": 2 * step, "coins_taken_back": step}


# ── notifications ──


async def test_a_notification_that_is_not_the_stores_is_not_kept(database: Database, shopping: Shopping) -> None:
    with pytest.raises(NotificationRefused):
        await shopping.notifications.take("real", Message({}, b""))
    assert await database.fetchval("select count(*) from store_notice") == 0


async def test_a_notification_is_kept_or_refused_with_an_error(
    database: Database, shopping: Shopping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store sends it again then."""
    ann = await new_user(database)
    sold = shopping.real.sell(account=await shopping.accounts.of(ann))

    def away(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(database, "transaction", away)
        with pytest.raises(DatabaseUnavailable):
            await shopping.notify(sold)
    await shopping.notify(sold)
    await shopping.work()
    assert await audit(database) == 100


async def test_a_notification_waits_for_its_store(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell(account=await shopping.accounts.of(ann))
    shopping.real.is_down = True
    await shopping.notify(sold)
    await shopping.work()
    assert (await notices.waiting(database))[0] == 1
    shopping.real.is_down = False
    await shopping.work()
    assert (await notices.waiting(database))[0] == 0
    assert await audit(database) == 100


async def test_a_long_id_of_a_notification_is_kept_once(database: Database, shopping: Shopping) -> None:
    sold = shopping.real.sell()
    for _ in range(2):
        await shopping.notify(sold, "n" * 10_000)
    assert await database.fetchval("select count(*) from store_notice") == 1


async def test_each_notification_wakes_the_job_also_while_it_runs(database: Database, shopping: Shopping) -> None:
    for _ in range(2):
        await shopping.notify(shopping.real.sell())
        await database.execute("update pgqueuer set status = 'picked'")
    kinds = await database.fetch("select entrypoint as kind from pgqueuer")
    assert [row["kind"] for row in kinds] == ["settle_purchases"] * 2


async def test_closed_claims_and_notifications_are_deleted_some_day(database: Database, shopping: Shopping) -> None:
    ann: UserId = await new_user(database)
    await shopping.buy(ann, shopping.real.sell())
    for transaction_id in (shopping.real.sell(state=State.PENDING), shopping.real.sell()):
        await shopping.notify(transaction_id)
    await shopping.due.work()
    with pytest.raises(PurchasePending):
        await shopping.purchases.purchase(ann, Claim(shopping.real.sell(state=State.PENDING)))
    retention = PurchaseRetention(database, 90)
    tables = "select (select count(*) from purchase_claim) as claims, (select count(*) from store_notice) as notices"
    await delete_old_claims.function(retention)
    assert dict(await database.fetchrow(tables) or {}) == {"claims": 2, "notices": 2}
    await database.execute("update purchase_claim set changed_at = now() - interval '91 days'")
    await database.execute("update store_notice set received_at = now() - interval '91 days'")
    await delete_old_claims.function(retention)
    assert dict(await database.fetchrow(tables) or {}) == {"claims": 1, "notices": 0}
