from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.ledger.transfers import IdempotencyConflict, InvalidClientRef
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.observe.metrics import Metrics
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.errors import (
    ClaimTooLong,
    ProductNotOffered,
    PurchaseCancelled,
    PurchaseOfAnother,
    PurchasePending,
    PurchaseRefunded,
    PurchasesTooOften,
    StoreNotConnected,
    TooManyClaims,
)
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.purchases import LONGEST_CLAIM, MOST_WAITING, Purchased, Purchases
from control_plane.payments.stores.model import Claim, ReceiptRefused, State
from control_plane.payments.stores.sandbox import SandboxReceipts, Sold
from tests.control_plane.ledger.books import audit, transfers_of
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.people import new_user


async def test_a_confirmed_purchase_credits_bought_coins(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    receipt = await shopping.sandbox_receipt(ann, 500)

    outcome = await shopping.purchases.purchase(ann, Claim(receipt, "ios\0 "))

    assert outcome.wallet == await wallet(database, ann) == Wallet(bought=500)
    assert not outcome.replayed
    assert (outcome.purchase.coins, outcome.purchase.price_minor, outcome.purchase.device) == (500, 499, "ios ")
    assert await audit(database) == 500


async def test_the_quantity_multiplies_coins_and_price(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)

    outcome = await shopping.present(ann, shopping.real.sell(quantity=3))

    assert (outcome.purchase.coins, outcome.purchase.price_minor) == (300, 297)
    assert await audit(database) == 300


async def test_a_purchase_is_counted_and_finished_once(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell()
    for _ in range(2):
        await shopping.present(ann, sold)
    await shopping.work()
    coins = shopping.metrics.registry.get_sample_value("stagedoor_purchased_coins_total", {"store": "real"})
    assert coins == 100
    assert shopping.real.finished == [sold]


async def test_the_coins_are_those_of_our_catalogue_whatever_the_receipt_says(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    generous = replace(await shopping.product(), coins=1_000_000, price_minor=1)

    outcome = await shopping.present(ann, shopping.sandbox.receipts.sell(generous))

    assert outcome.wallet == Wallet(bought=100)
    assert outcome.purchase.price_minor == 99


async def test_the_same_transaction_answers_the_first_outcome_with_the_current_wallet(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    receipt = await shopping.sandbox_receipt(ann)
    first = await shopping.present(ann, receipt)
    await shopping.present(ann, await shopping.sandbox_receipt(ann, 500))

    for client_ref in (None, "a", "a", "b"):
        assert await shopping.present(ann, receipt, client_ref) == Purchased(
            first.purchase, Wallet(bought=600), replayed=True
        )
    assert await audit(database) == 600


async def test_concurrent_claims_of_one_transaction_credit_once(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    receipt = await shopping.sandbox_receipt(ann)

    outcomes = await asyncio.gather(*(shopping.present(ann, receipt, f"ref{n % 3}") for n in range(16)))

    assert [outcome.wallet for outcome in outcomes] == [Wallet(bought=100)] * 16
    assert len({outcome.purchase for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert await audit(database) == 100


async def test_16_confirmations_of_an_unpaid_purchase_at_once_credit_nothing(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    sold = shopping.real.sell(state=State.PENDING)

    async def confirm() -> list[Purchased | BaseException]:
        claims = (shopping.present(ann, sold, f"ref{n % 3}") for n in range(16))
        return await asyncio.gather(*claims, return_exceptions=True)

    assert {type(outcome) for outcome in await confirm()} == {PurchasePending}
    await shopping.work()
    assert await transfers_of(database, ann) == 0
    assert await database.fetchval("select count(*) from purchase_claim") == 1
    assert await audit(database) == 0

    shopping.real.set(sold)
    assert {type(outcome) for outcome in await confirm()} == {Purchased}
    assert await audit(database) == 100


async def test_a_transaction_that_two_users_claim_at_once_credits_one_of_them(
    database: Database, shopping: Shopping
) -> None:
    people = [await new_user(database) for _ in range(8)]
    sold = shopping.real.sell()

    outcomes = await asyncio.gather(
        *(shopping.present(user, sold) for user in people for _ in range(2)), return_exceptions=True
    )

    credited = {outcome.purchase.user_id for outcome in outcomes if isinstance(outcome, Purchased)}
    assert len(credited) == 1
    assert sum(isinstance(outcome, PurchaseOfAnother) for outcome in outcomes) == 14
    assert await audit(database) == 100


async def test_another_users_transaction_is_refused(database: Database, shopping: Shopping) -> None:
    """Also one that its buyer has not claimed yet, if the store names the buyer."""
    ann, ben = await new_user(database), await new_user(database)
    unclaimed = await shopping.sandbox_receipt(ann)
    credited = await shopping.buy(ann, shopping.real.sell())

    for transaction_id in (unclaimed, credited):
        with pytest.raises(PurchaseOfAnother):
            await shopping.present(ben, transaction_id)

    assert await wallet(database, ben) == Wallet()
    assert (await shopping.present(ann, unclaimed)).wallet == Wallet(bought=200)
    assert await audit(database) == 200


async def test_an_account_that_is_none_of_ours_does_not_matter(database: Database, shopping: Shopping) -> None:
    """An app may give the store an id of its own."""
    ann = await new_user(database)
    for account in ("6b1f1e0a-0000-4000-8000-000000000007", "user-7", "\0"):
        await shopping.present(ann, shopping.real.sell(account=account))
    assert await audit(database) == 300


@pytest.mark.parametrize(
    ("state", "refusal"),
    [(Sold.PENDING, PurchasePending), (Sold.REFUNDED, PurchaseRefunded), (Sold.CANCELLED, PurchaseCancelled)],
)
async def test_what_is_not_paid_credits_nothing(
    database: Database, shopping: Shopping, state: Sold, refusal: type[ControlPlaneError]
) -> None:
    ann = await new_user(database)
    receipt = await shopping.sandbox_receipt(ann, sold=state)

    outcomes = await asyncio.gather(*(shopping.present(ann, receipt) for _ in range(16)), return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {refusal}
    await shopping.work()
    assert await audit(database) == 0
    assert await transfers_of(database, ann) == 0


async def test_a_forged_receipt_credits_nothing(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    forger = SandboxReceipts(Keyring((Secret("s", b"guess" * 7),)))

    with pytest.raises(ReceiptRefused):
        await shopping.present(ann, forger.sell(await shopping.product()))

    assert await audit(database) == 0


async def test_a_client_ref_stands_for_one_transaction(database: Database, shopping: Shopping) -> None:
    ann, ben = await new_user(database), await new_user(database)
    await shopping.present(ann, await shopping.sandbox_receipt(ann), "ref")
    other = await shopping.sandbox_receipt(ann)

    with pytest.raises(IdempotencyConflict):
        await shopping.present(ann, other, "ref")
    assert await wallet(database, ann) == Wallet(bought=100)

    assert (await shopping.present(ann, other, "ref2")).wallet == Wallet(bought=200)
    assert (await shopping.present(ben, shopping.real.sell(), "ref")).wallet == Wallet(bought=100)


async def test_a_client_ref_is_free_after_a_refusal_and_taken_while_the_purchase_waits(
    database: Database, shopping: Shopping
) -> None:
    ann = await new_user(database)
    with pytest.raises(ReceiptRefused):
        await shopping.present(ann, "real-unknown", "ref")
    with pytest.raises(PurchasePending):
        await shopping.present(ann, shopping.real.sell(state=State.PENDING), "ref")
    with pytest.raises(IdempotencyConflict):
        await shopping.present(ann, shopping.real.sell(), "ref")
    assert await audit(database) == 0


async def test_a_transaction_id_may_be_longer_than_a_key(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    first = shopping.real.sell()
    sold = [first + "x" * 1000 + end for end in "ab"]
    for transaction_id in sold:
        shopping.real.sold[transaction_id] = replace(shopping.real.sold[first], transaction_id=transaction_id)

    for transaction_id in sold * 2:
        await shopping.present(ann, transaction_id)

    assert await wallet(database, ann) == Wallet(bought=200)
    with pytest.raises(ClaimTooLong):
        await shopping.present(ann, "real" + "x" * LONGEST_CLAIM)


async def test_a_client_ref_that_is_no_key_is_refused(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)

    with pytest.raises(InvalidClientRef):
        await shopping.present(ann, shopping.real.sell(), "\0")

    assert await transfers_of(database, ann) == 0


async def test_a_package_that_is_no_longer_on_sale_is_still_credited(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    receipt = await shopping.sandbox_receipt(ann)
    await database.execute("update coin_package set active = false")

    assert (await shopping.present(ann, receipt)).wallet == Wallet(bought=100)


async def test_a_product_that_we_do_not_sell_is_refused_and_kept(database: Database, shopping: Shopping) -> None:
    """An operator adds the product and retries the claim."""
    ann = await new_user(database)
    sold = shopping.real.sell("gold")

    with pytest.raises(ProductNotOffered):
        await shopping.present(ann, sold)
    assert await audit(database) == 0

    await database.execute("insert into store_product (store, product_id, package_id) values ('real', 'gold', 2)")
    assert (await shopping.present(ann, sold)).wallet == Wallet(bought=500)
    assert await audit(database) == 500


@pytest.mark.parametrize("quantity", [0, -1, 2**31])
async def test_a_quantity_that_is_no_quantity_credits_nothing(
    database: Database, shopping: Shopping, quantity: int
) -> None:
    ann = await new_user(database)
    with pytest.raises(ProductNotOffered):
        await shopping.present(ann, shopping.real.sell(quantity=quantity))
    assert await audit(database) == 0


async def test_only_so_many_claims_of_a_user_wait(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    waiting = [shopping.real.sell(state=State.PENDING) for _ in range(MOST_WAITING + 1)]
    for transaction_id in waiting[:-1]:
        with pytest.raises(PurchasePending):
            await shopping.present(ann, transaction_id)

    with pytest.raises(TooManyClaims):
        await shopping.present(ann, waiting[-1])
    with pytest.raises(PurchasePending):
        await shopping.present(ann, waiting[0])

    shopping.real.set(waiting[0])
    await shopping.work()
    with pytest.raises(PurchasePending):
        await shopping.present(ann, waiting[-1])
    assert await audit(database) == 100


async def test_refused_claims_of_a_user_do_not_pile_up(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    for number in range(15):
        with pytest.raises(ReceiptRefused):
            await shopping.present(ann, f"real-unknown-{number}")
    kept = await database.fetch("select reference from purchase_claim order by id")
    assert [row["reference"] for row in kept] == [f"real-unknown-{number}" for number in range(5, 15)]


async def test_a_user_cannot_ask_a_store_all_the_time(database: Database, shopping: Shopping) -> None:
    ann = await new_user(database)
    purchases = Purchases(database, shopping.stores, PurchaseMetrics(Metrics()), per_minute=12)
    sold = shopping.real.sell()
    for _ in range(2):
        await purchases.purchase(ann, Claim(sold))
    with pytest.raises(PurchasesTooOften):
        await purchases.purchase(ann, Claim(sold))


async def test_without_a_store_nothing_can_be_bought(database: Database, shopping: Shopping) -> None:
    purchases = Purchases(database, ConnectedStores([]), PurchaseMetrics(Metrics()), per_minute=1)
    receipt = shopping.sandbox.receipts.sell(await shopping.product())

    with pytest.raises(StoreNotConnected, match="not connected to a store"):
        await purchases.purchase(UserId(1), Claim(receipt))


@pytest.mark.parametrize("transaction_id", ["", "2000000123456789", "cs_test_a1", "\0", "Sandbox.x"])
async def test_a_transaction_of_no_store_of_ours_is_refused(shopping: Shopping, transaction_id: str) -> None:
    with pytest.raises(StoreNotConnected, match="not from a store"):
        await shopping.present(UserId(1), transaction_id)
