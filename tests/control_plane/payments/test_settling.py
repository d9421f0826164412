"""Purchases over time: refunds, notifications and calls in every order. The ledger is audited after each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import pytest

from control_plane.base.ids import LARGEST_ID, UserId
from control_plane.db.pool import Database
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments import check_store
from control_plane.payments import claims_store as claims
from control_plane.payments.errors import PurchaseCancelled, PurchaseOfAnother, PurchasePending, PurchaseRefunded
from control_plane.payments.purchases import Purchased
from control_plane.payments.stores.model import NoticeKind, State
from control_plane.payments.stores.sandbox import Sold
from control_plane.rewards.checking_in import CheckingIn
from tests.control_plane.gifts.stage import ROSE, Stage, order
from tests.control_plane.ledger.books import audit, transfers_of
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.people import new_user
from tests.postgres import by_superuser


async def inbox(database: Database, user_id: UserId) -> list[tuple[str, str]]:
    rows = await database.fetch("select kind, text from inbox_entry where receiver_id = $1 order by number", user_id)
    return [(row["kind"], row["text"]) for row in rows]


async def test_a_refund_takes_the_coins_back(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = await shopping.buy(ann, shopping.real.sell())
    await shopping.refund(sold)

    assert await wallet(database, ann) == Wallet()
    assert await audit(database) == 0
    assert await inbox(database, ann) == [("coins_taken_back", "100")]

    await shopping.refund(sold)
    assert await audit(database) == 0
    assert len(await inbox(database, ann)) == 1


async def test_a_part_of_a_coin_stays_with_the_buyer_and_refunds_add_up(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = await shopping.buy(ann, shopping.real.sell())
    left = []
    for share in (Fraction(1, 3), Fraction(2, 3), Fraction(999, 1000), Fraction(1), Fraction(3, 2)):
        await shopping.refund(sold, share)
        left.append((await wallet(database, ann)).bought)
        assert await audit(database) == left[-1]
    assert left == [67, 34, 1, 0, 0]


async def test_a_refund_that_is_reversed_gives_the_coins_again(database: Database, shopping: Shopping) -> None:
    """As often as it changes: a dispute that is lost, won, lost …"""
    ann = await new_user(database)
    sold = await shopping.buy(ann, shopping.real.sell())
    for share, left in ((1, 0), (0, 100), (1, 0), (Fraction(1, 2), 50), (1, 0), (0, 100)):
        await shopping.refund(sold, Fraction(share))
        assert await wallet(database, ann) == Wallet(bought=left)
        assert await audit(database) == left
    kinds = [kind for kind, _ in await inbox(database, ann)]
    assert kinds == ["coins_taken_back", "coins_credited"] * 3


async def test_a_payment_that_is_cancelled_after_the_credit_is_a_refund(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = await shopping.buy(ann, shopping.real.sell())
    for state, left in ((State.CANCELLED, 0), (State.PENDING, 0), (State.PAID, 100), (State.PENDING, 100)):
        shopping.real.set(sold, state)
        await shopping.notify(sold)
        await shopping.due.work()
        assert await wallet(database, ann) == Wallet(bought=left)
        assert await audit(database) == left


async def test_spent_coins_of_a_refund_are_owed_and_paid_by_the_next_purchase(
    database: Database, shopping: Shopping
) -> None:
    stage = Stage(database)
    await stage.open()
    ann, (star, _) = await stage.user(), await stage.star()
    sold = await shopping.buy(ann, shopping.real.sell())
    await stage.gifts.send(order(ann, star, ROSE, 70))
    await shopping.refund(sold)
    assert await wallet(database, ann) == Wallet(debt=70)
    assert await wallet(database, star) == Wallet(earned=70)
    assert await audit(database) == 0
    owed = shopping.metrics.registry.get_sample_value("stagedoor_refund_debt_coins_total", {"store": "real"})
    assert owed == 70

    assert (await shopping.present(ann, shopping.real.sell("coins_100"))).wallet == Wallet(bought=30)
    assert await audit(database) == 100
    await stage.gifts.send(order(ann, star, ROSE, 30))

    await shopping.refund(sold, Fraction(0))
    assert await wallet(database, ann) == Wallet(bought=100)
    assert await audit(database) == 200
    await stage.close()


async def test_a_refund_that_is_reversed_gives_coins_of_the_same_kinds_again(
    database: Database, shopping: Shopping
) -> None:
    """Else a dispute that is won would turn rewards into coins that a friend can withdraw, and earnings into coins that
    cannot be withdrawn."""
    stage = Stage(database)
    await stage.open()
    ann, fan, (star, _) = await stage.user(), await stage.user(coins=40), await stage.star()
    sold = await shopping.buy(ann, shopping.real.sell())
    await stage.gifts.send(order(ann, star, ROSE, 100))
    await CheckingIn(database, 50).check_in(ann)
    await stage.gifts.send(order(fan, ann, ROSE, 40))
    assert await wallet(database, ann) == Wallet(earned=40, reward=50)

    for share, owned in (
        (1, Wallet(debt=10)),
        (Fraction(1, 2), Wallet(reward=40)),
        (0, Wallet(earned=40, reward=50)),
        (1, Wallet(debt=10)),
        (0, Wallet(earned=40, reward=50)),
    ):
        await shopping.refund(sold, Fraction(share))
        assert await wallet(database, ann) == owned
        await audit(database)
    await stage.close()


async def test_a_refund_before_the_call_means_that_nothing_is_credited(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell(account=await shopping.accounts.of(ann))
    await shopping.refund(sold)
    with pytest.raises(PurchaseRefunded):
        await shopping.present(ann, sold)
    assert await audit(database) == 0
    assert await transfers_of(database, ann) == 0
    assert await inbox(database, ann) == []

    await shopping.refund(sold, Fraction(1, 4))
    assert await wallet(database, ann) == Wallet(bought=75)
    assert await audit(database) == 75
    assert await inbox(database, ann) == [("coins_credited", "75")]


async def test_a_refund_that_overtakes_the_answer_of_the_call_is_not_lost(
    database: Database, shopping: Shopping
) -> None:
    """The store answered the call before the refund; the refund's notification was processed before the credit."""
    ann = await new_user(database)
    sold = shopping.real.sell()
    answer = shopping.real.hold_back()
    call = asyncio.create_task(shopping.present(ann, sold))
    await shopping.real.held_back.wait()
    await shopping.refund(sold)
    answer.set()
    with pytest.raises(PurchaseRefunded):
        await call

    assert await wallet(database, ann) == Wallet()
    assert await audit(database) == 0


async def test_an_old_answer_does_not_undo_a_refund(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = await shopping.buy(ann, shopping.real.sell())
    await shopping.notify(sold, "old")
    answer = shopping.real.hold_back()
    old = asyncio.create_task(shopping.due.work())
    await shopping.real.held_back.wait()
    await shopping.refund(sold)
    assert await wallet(database, ann) == Wallet()
    answer.set()
    await old

    assert await wallet(database, ann) == Wallet()
    assert await audit(database) == 0


async def test_a_lost_call_is_credited_by_the_notification(database: Database, shopping: Shopping) -> None:
    ann, ben = await new_user(database), await new_user(database)
    sold = shopping.real.sell(account=await shopping.accounts.of(ann))
    for _ in range(2):
        await shopping.notify(sold, "the-same")
        await shopping.due.work()
    await shopping.notify(sold, "another")
    await shopping.due.work()

    assert await wallet(database, ann) == Wallet(bought=100)
    assert await inbox(database, ann) == [("coins_credited", "100")]
    assert set(shopping.real.finished) == {sold}
    late = await shopping.present(ann, sold)
    assert (late.replayed, late.wallet) == (True, Wallet(bought=100))
    with pytest.raises(PurchaseOfAnother):
        await shopping.present(ben, sold)
    assert await audit(database) == 100


async def test_a_paid_transaction_whose_buyer_is_not_known_credits_no_one_until_the_call(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell()
    await shopping.notify(sold)
    await shopping.due.work()
    assert await audit(database) == 0
    assert shopping.real.finished == []
    closed = await database.fetchrow("select reason, due_at from store_notice")
    assert closed is not None
    assert (closed["reason"], closed["due_at"]) == ("buyer_unknown", None)

    assert (await shopping.present(ann, sold)).wallet == Wallet(bought=100)
    assert await audit(database) == 100


async def test_a_product_without_a_package_is_kept_for_the_buyer(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell("gold", await shopping.accounts.of(ann))
    await shopping.notify(sold)
    await shopping.due.work()
    (claim,) = await claims.refused(database, 10)
    assert (claim.user_id, claim.reason, claim.reference) == (ann, "product_not_offered", sold)

    await database.execute("insert into store_product (store, product_id, package_id) values ('real', 'gold', 1)")
    async with database.transaction() as connection:
        await claims.retry(connection, claim.id)
    await shopping.work()
    assert await wallet(database, ann) == Wallet(bought=100)
    assert await audit(database) == 100


async def test_a_payment_in_cash_is_credited_when_it_is_paid(database: Database, shopping: Shopping) -> None:
    ann, ben = await new_user(database), await new_user(database)
    sold = shopping.real.sell(state=State.PENDING)
    with pytest.raises(PurchasePending, match="as soon as the store confirms"):
        await shopping.present(ann, sold)
    shopping.real.set(sold)
    await shopping.notify(sold)  # the store does not name the buyer; the claim does
    await shopping.due.work()

    assert await wallet(database, ann) == Wallet(bought=100)
    assert await inbox(database, ann) == [("coins_credited", "100")]
    with pytest.raises(PurchaseOfAnother):
        await shopping.present(ben, sold)
    await shopping.work()
    assert await claims.open_claims(database, 10) == []
    assert await audit(database) == 100


async def test_a_store_may_name_a_transaction_differently_when_it_is_paid(
    database: Database, shopping: Shopping
) -> None:
    """Google Play has no order before the payment."""
    ann = await new_user(database)
    token = shopping.real.sell(state=State.PENDING)
    with pytest.raises(PurchasePending):
        await shopping.present(ann, token)
    shopping.real.sold[token] = replace(shopping.real.sold[token], state=State.PAID, transaction_id="order 1")
    await shopping.notify(token)
    await shopping.due.work()
    assert await wallet(database, ann) == Wallet(bought=100)
    await shopping.work()
    assert await claims.open_claims(database, 10) == []
    assert (await shopping.present(ann, token)).replayed
    assert await audit(database) == 100


async def test_a_payment_that_never_comes_is_refused(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = await shopping.sandbox_receipt(ann, sold=Sold.PENDING)
    with pytest.raises(PurchasePending):
        await shopping.present(ann, sold)
    await shopping.notifications.take("sandbox", await shopping.sandbox.change(sold, State.CANCELLED))
    await shopping.work()
    (claim,) = await claims.latest(database, 10)
    assert (claim.state, claim.reason, claim.due_at) == ("refused", "purchase_cancelled", None)
    with pytest.raises(PurchaseCancelled):
        await shopping.present(ann, sold)
    assert await audit(database) == 0


async def test_the_order_of_events_does_not_matter(database: Database, shopping: Shopping) -> None:
    """The store's last word counts, and only the buyer has coins, although another user tries after each event."""
    total = 0
    for events in itertools.permutations(("call", "notify", "refund", "reverse")):
        ann, ben = await new_user(database), await new_user(database)
        sold = shopping.real.sell(account=await shopping.accounts.of(ann))
        for event in events:
            match event:
                case "call":
                    with suppress(PurchaseRefunded):
                        await shopping.present(ann, sold)
                case "notify":
                    await shopping.notify(sold)
                case _:
                    await shopping.refund(sold, Fraction(event == "refund"))
            with pytest.raises(PurchaseOfAnother):
                await shopping.present(ben, sold)
        await shopping.work()

        left = 100 if events.index("reverse") > events.index("refund") else 0
        assert await wallet(database, ann) == Wallet(bought=left), events
        assert await wallet(database, ben) == Wallet(), events
        total += left
    assert await audit(database) == total


async def test_calls_notifications_and_refunds_at_once(database: Database, shopping: Shopping) -> None:
    ann, ben = await new_user(database), await new_user(database)
    sold = [shopping.real.sell(account=await shopping.accounts.of(ann)) for _ in range(4)]
    work: list[Awaitable[object]] = []
    for number, transaction_id in enumerate(sold):
        work += [shopping.present(ann, transaction_id), shopping.present(ben, transaction_id)] * 2
        work += [shopping.notify(transaction_id, f"{number}-{n}") for n in range(3)]
        work.append(shopping.refund(transaction_id, Fraction(number, 4)))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    await shopping.work()

    assert {type(outcome) for outcome in outcomes} <= {Purchased, PurchaseOfAnother, type(None), PurchaseRefunded}
    assert await wallet(database, ann) == Wallet(bought=100 + 75 + 50 + 25)
    assert await wallet(database, ben) == Wallet()
    assert await audit(database) == 250


async def test_the_check_of_the_ledger_compares_purchases(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    for share in (0, Fraction(1, 3), 1):
        await shopping.refund(await shopping.buy(ann, shopping.real.sell()), Fraction(share))
    async with database.transaction() as connection:
        assert await check_store.differences(connection, 0, 3) == []
        assert await check_store.without_purchase(connection, 0, LARGEST_ID) == []
        await connection.execute("update purchase set refunded_coins = refunded_coins + 1 where id = 2")
        assert await check_store.differences(connection, 0, 3) == ["refunds of purchase 2: 34 coins, the ledger has 33"]
        assert await check_store.differences(connection, 2, 3) == [], "only the range"
        await connection.execute("update purchase set refunded_coins = refunded_coins - 1 where id = 2")
    assert await audit(database) == 167
    changes = """
        set session_replication_role = replica;
        update purchase set coins = coins + 1 where id = 1;
        update purchase set refunded_coins = refunded_coins + 1 where id = 2;
        update purchase_change set coins = coins + 1 where purchase_id = 2;
        delete from purchase_change where purchase_id = 3;
        delete from purchase where id = 3
    """
    await by_superuser(database, changes)
    async with database.transaction() as connection:
        last = await check_store.last_id(connection)
        one, two = await check_store.differences(connection, 0, last)
        orphans = await check_store.without_purchase(connection, 0, LARGEST_ID)
    assert one == "purchase 1: 101 coins, the ledger has 100"
    assert two.startswith("refund of purchase 2 by transfer ")
    assert two.endswith(": 34 coins, the ledger has 33")
    assert [orphan.split(" ", 2)[2] for orphan in orphans] == ["(purchase) has no purchase", "(refund) has no purchase"]


async def test_a_refund_of_a_user_who_left_is_booked(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = await shopping.buy(ann, shopping.real.sell(account=await shopping.accounts.of(ann)))
    await database.execute("update app_user set deleted_at = now(), removed_at = now() where id = $1", ann)
    await database.execute("delete from store_account where user_id = $1", ann)
    await shopping.refund(sold)
    assert await wallet(database, ann) == Wallet()
    assert await audit(database) == 0
    assert await inbox(database, ann) == []


async def test_a_refund_takes_what_the_receiver_of_gifts_keeps_from_the_buyer(
    database: Database, shopping: Shopping
) -> None:
    """Coins that were given away and earned stay with their receiver, who may have withdrawn them."""
    stage = Stage(database)
    await stage.open()
    (ann, _), (star, _) = await stage.star(), await stage.star()
    sold = await shopping.buy(ann, shopping.real.sell())
    await stage.gifts.send(order(ann, star, ROSE, 100))
    await stage.gifts.send(order(star, ann, ROSE, 30))
    await shopping.refund(sold)
    assert await wallet(database, ann) == Wallet(debt=70)
    assert await wallet(database, star) == Wallet(earned=70)
    assert await audit(database) == 0
    await stage.close()


async def test_the_store_learns_how_much_was_used_when_it_asks(database: Database, shopping: Shopping) -> None:
    stage = Stage(database)
    await stage.open()
    ann, (star, _) = await stage.user(), await stage.star()
    account = await shopping.accounts.of(ann)
    sold = await shopping.buy(ann, shopping.real.sell(account=account))
    await stage.gifts.send(order(ann, star, ROSE, 30))
    unknown = shopping.real.sell()
    for transaction_id in (sold, unknown):
        await shopping.notify(transaction_id, kind=NoticeKind.CONSUMPTION_ASKED)
    await shopping.due.work()
    by_delivery = {facts.delivered: facts for facts in shopping.real.consumption}
    assert (by_delivery[False].coins, by_delivery[False].account_since) == (0, None)
    facts = by_delivery[True]
    assert (facts.coins, facts.spent, facts.account, facts.bought_minor, facts.refunded_minor, facts.currency) == (
        *(100, 30, account),
        *(99, 0, "USD"),
    )
    assert facts.account_since is not None
    await stage.close()
