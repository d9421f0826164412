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
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.packages import COIN_PACKAGES
from control_plane.payments.purchases import (
    Purchased,
    PurchaseOfAnother,
    Purchases,
    ShopNotConnected,
    UnknownProduct,
    choose_package,
)
from control_plane.payments.sale import Package
from control_plane.payments.shops import (
    Claim,
    PurchasePending,
    PurchaseRefunded,
    ReceiptRefused,
    ReceiptState,
    SandboxShop,
    VerifiedPurchase,
)
from control_plane.payments.store import packages, seed_packages
from tests.control_plane.ledger.books import audit, transfers_of
from tests.control_plane.people import new_user


class AnonymousStore:
    """Confirms every transaction id as a purchase of 100 coins, without the buyer, as real stores may."""

    name = "anonymous"

    def recognises(self, claim: Claim) -> bool:
        return claim.transaction_id.startswith("anonymous")

    async def verify(self, claim: Claim) -> VerifiedPurchase:
        return VerifiedPurchase(claim.transaction_id, "coins_100", None)


@pytest.fixture
def sandbox() -> SandboxShop:
    return SandboxShop(Keyring((Secret("s", b"s" * 32),)))


@pytest.fixture
async def catalogue(database: Database) -> list[Package]:
    async with database.transaction() as connection:
        await seed_packages(connection)
    return list(await packages(database))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def purchases(database: Database, sandbox: SandboxShop, catalogue: list[Package], metrics: Metrics) -> Purchases:
    return Purchases(database, [sandbox, AnonymousStore()], PurchaseMetrics(metrics))


async def test_seeding_packages_again_changes_nothing_but_what_differs(database: Database) -> None:
    async with database.transaction() as connection:
        await seed_packages(connection)
        await connection.execute("update coin_package set coins = 1, active = id <> 2 where id in (1, 2)")
        await seed_packages(connection)

    on_sale = await packages(database)

    assert [(p.id, p.product_id, p.title, p.coins, p.price_minor, p.currency) for p in on_sale] == [
        (p.id, p.product_id, p.title, p.coins, p.price_minor, "USD") for p in COIN_PACKAGES if p.id != 2
    ]


def test_a_package_is_chosen_by_product_or_by_coins() -> None:
    small, large = Package(1, "s", "S", 100, 99, "USD"), Package(2, "l", "L", 500, 499, "USD")

    assert choose_package([small, large], coins=500) == large
    assert choose_package([small, large], product_id="l", coins=100) == large
    for product_id, coins in (("x", 100), ("", 101), ("", None)):
        with pytest.raises(UnknownProduct):
            choose_package([small, large], product_id, coins)


async def test_a_confirmed_purchase_credits_bought_coins(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann = await new_user(database)

    outcome = await purchases.purchase(ann, Claim(sandbox.issue(ann, catalogue[1]), "ios\0 "))

    assert outcome.wallet == await wallet(database, ann) == Wallet(bought=500)
    assert not outcome.replayed
    assert (outcome.purchase.coins, outcome.purchase.price_minor, outcome.purchase.device) == (500, 499, "ios ")
    assert await audit(database) == 500


async def test_a_purchase_is_counted_once_however_often_it_is_presented(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package], metrics: Metrics
) -> None:
    ann = await new_user(database)
    claim = Claim(sandbox.issue(ann, catalogue[1]))
    for _ in range(2):
        await purchases.purchase(ann, claim)
    assert metrics.registry.get_sample_value("stagedoor_purchased_coins_total", {"store": "sandbox"}) == 500


async def test_the_coins_are_those_of_our_catalogue_whatever_the_receipt_says(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann = await new_user(database)
    generous = replace(catalogue[0], coins=1_000_000, price_minor=1)

    outcome = await purchases.purchase(ann, Claim(sandbox.issue(ann, generous)))

    assert outcome.wallet == Wallet(bought=100)
    assert outcome.purchase.price_minor == catalogue[0].price_minor


async def test_the_same_transaction_answers_the_first_outcome_with_the_current_wallet(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann = await new_user(database)
    claim = Claim(sandbox.issue(ann, catalogue[0]))
    first = await purchases.purchase(ann, claim)
    await purchases.purchase(ann, Claim(sandbox.issue(ann, catalogue[1])))

    for client_ref in (None, "a", "a", "b"):
        assert await purchases.purchase(ann, claim, client_ref) == Purchased(
            first.purchase, Wallet(bought=600), replayed=True
        )
    assert await audit(database) == 600


async def test_concurrent_claims_of_one_transaction_credit_once(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann = await new_user(database)
    claim = Claim(sandbox.issue(ann, catalogue[0]))

    outcomes = await asyncio.gather(*(purchases.purchase(ann, claim, f"ref{n % 3}") for n in range(16)))

    assert [outcome.wallet for outcome in outcomes] == [Wallet(bought=100)] * 16
    assert len({outcome.purchase for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert await audit(database) == 100


async def test_a_transaction_that_two_users_claim_at_once_credits_one_of_them(
    database: Database, purchases: Purchases
) -> None:
    people = [await new_user(database) for _ in range(8)]

    outcomes = await asyncio.gather(
        *(purchases.purchase(user, Claim("anonymous-1")) for user in people for _ in range(2)), return_exceptions=True
    )

    credited = {outcome.purchase.user_id for outcome in outcomes if isinstance(outcome, Purchased)}
    assert len(credited) == 1
    assert sum(isinstance(outcome, PurchaseOfAnother) for outcome in outcomes) == 14
    assert await audit(database) == 100


async def test_another_users_transaction_is_refused(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann, ben = await new_user(database), await new_user(database)
    unclaimed = Claim(sandbox.issue(ann, catalogue[0]))
    await purchases.purchase(ann, Claim("anonymous-1"))

    for claim in (unclaimed, Claim("anonymous-1")):
        with pytest.raises(PurchaseOfAnother):
            await purchases.purchase(ben, claim)

    assert await wallet(database, ben) == Wallet()
    assert await audit(database) == 100


@pytest.mark.parametrize(
    ("state", "refusal"), [(ReceiptState.PENDING, PurchasePending), (ReceiptState.REFUNDED, PurchaseRefunded)]
)
async def test_what_is_not_paid_credits_nothing(
    database: Database,
    purchases: Purchases,
    sandbox: SandboxShop,
    catalogue: list[Package],
    state: ReceiptState,
    refusal: type[ControlPlaneError],
) -> None:
    ann = await new_user(database)

    with pytest.raises(refusal):
        await purchases.purchase(ann, Claim(sandbox.issue(ann, catalogue[0], state)))

    assert await audit(database) == 0


async def test_a_forged_receipt_credits_nothing(
    database: Database, purchases: Purchases, catalogue: list[Package]
) -> None:
    ann = await new_user(database)
    forger = SandboxShop(Keyring((Secret("s", b"guess" * 7),)))

    with pytest.raises(ReceiptRefused):
        await purchases.purchase(ann, Claim(forger.issue(ann, catalogue[0])))

    assert await audit(database) == 0


async def test_a_client_ref_stands_for_one_transaction(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann, ben = await new_user(database), await new_user(database)
    await purchases.purchase(ann, Claim(sandbox.issue(ann, catalogue[0])), "ref")
    other = Claim(sandbox.issue(ann, catalogue[0]))

    with pytest.raises(IdempotencyConflict):
        await purchases.purchase(ann, other, "ref")
    assert await wallet(database, ann) == Wallet(bought=100)

    assert (await purchases.purchase(ann, other, "ref2")).wallet == Wallet(bought=200)
    assert (await purchases.purchase(ben, Claim("anonymous-1"), "ref")).wallet == Wallet(bought=100)


async def test_a_transaction_id_may_be_longer_than_a_key(database: Database, purchases: Purchases) -> None:
    ann = await new_user(database)
    claims = [Claim("anonymous" + "x" * 1000 + end) for end in "ab"]

    for claim in claims * 2:
        await purchases.purchase(ann, claim)

    assert await wallet(database, ann) == Wallet(bought=200)


async def test_a_client_ref_that_is_no_key_is_refused(database: Database, purchases: Purchases) -> None:
    ann = await new_user(database)

    with pytest.raises(InvalidClientRef):
        await purchases.purchase(ann, Claim("anonymous-1"), "\0")

    assert await transfers_of(database, ann) == 0


async def test_a_package_that_is_no_longer_on_sale_is_still_credited(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann = await new_user(database)
    await database.execute("update coin_package set active = false")

    assert (await purchases.purchase(ann, Claim(sandbox.issue(ann, catalogue[0])))).wallet == Wallet(bought=100)


async def test_a_product_that_we_do_not_sell_is_refused(
    database: Database, purchases: Purchases, sandbox: SandboxShop, catalogue: list[Package]
) -> None:
    ann = await new_user(database)

    with pytest.raises(UnknownProduct):
        await purchases.purchase(ann, Claim(sandbox.issue(ann, replace(catalogue[0], product_id="gold"))))

    assert await audit(database) == 0


async def test_without_a_store_nothing_can_be_bought(database: Database, sandbox: SandboxShop) -> None:
    package = Package(1, "coins_100", "100 coins", 100, 99, "USD")

    with pytest.raises(ShopNotConnected, match="not connected to a store"):
        await Purchases(database, [], PurchaseMetrics(Metrics())).purchase(
            UserId(1), Claim(sandbox.issue(UserId(1), package))
        )


@pytest.mark.parametrize("transaction_id", ["", "2000000123456789", "cs_test_a1", "\0", "Sandbox.x"])
async def test_a_transaction_of_no_store_of_ours_is_refused(purchases: Purchases, transaction_id: str) -> None:
    with pytest.raises(ShopNotConnected, match="not from a store"):
        await purchases.purchase(UserId(1), Claim(transaction_id))
