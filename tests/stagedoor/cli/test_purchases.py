"""`stagedoor purchases`, the metrics and the doctor: what waits, why, and how an operator goes on with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.config.stores import StoreSettings, Stripe
from control_plane.db.pool import Database
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.observe.metrics import Metrics
from control_plane.operations.purchases import ClaimNotOpen
from control_plane.payments import claims_store as claims
from control_plane.payments.errors import ProductNotOffered, PurchasePending
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.packages_store import seed_packages
from control_plane.payments.stores.model import State
from stagedoor.cli.doctor.finding import Finding
from stagedoor.cli.doctor.finding import State as Found
from stagedoor.cli.doctor.installation import Installation
from stagedoor.cli.doctor.purchases import waiting
from tests.control_plane.ledger.books import audit
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.people import new_user
from tests.stagedoor.cli.operator import Operator


@pytest.fixture
def operator(dsn: str, tmp_path: Path) -> Operator:
    return Operator(dsn, tmp_path)


@pytest.fixture
async def shopping(database: Database) -> Shopping:
    async with database.transaction() as connection:
        await seed_packages(connection)
    return Shopping(database)


async def test_an_operator_adds_the_product_of_a_refused_purchase_and_retries_it(
    database: Database, shopping: Shopping, operator: Operator
) -> None:
    assert await operator.types("purchases", "list") == "No purchase waits, and none was refused.\n"
    ann = await new_user(database, "ann")
    sold = shopping.real.sell("gold")
    with pytest.raises(ProductNotOffered):
        await shopping.present(ann, sold)
    (claim,) = await claims.refused(database, 1)
    for command in (["list"], ["list", "--all"], ["list", "--user", str(ann)], ["show", str(claim.id)]):
        printed = await operator.types("purchases", *command)
        assert sold in printed
        assert "product_not_offered" in printed

    await database.execute("insert into store_product (store, product_id, package_id) values ('real', 'gold', 1)")
    assert "asks the store real" in await operator.types("purchases", "retry", str(claim.id))
    await shopping.due.work()
    assert await wallet(database, ann) == Wallet(bought=100)
    assert await audit(database) == 100
    assert "100 coins for 0.99 USD" in await operator.types("purchases", "show", str(claim.id))
    (entry,) = json.loads(await operator.types("audit", "--json"))
    assert (entry["act"], entry["subject"], entry["detail"]["claim"]) == ("purchase.retried", f"user:{ann}", claim.id)
    jobs = await database.fetchval("select count(*) from pgqueuer where entrypoint = 'settle_purchases'")
    assert jobs == 1

    for command in (["retry", str(claim.id)], ["retry", "999"], ["show", "999"]):
        with pytest.raises(ClaimNotOpen):
            await operator.types("purchases", *command)


async def test_a_receipt_is_not_printed_whole(database: Database, shopping: Shopping, operator: Operator) -> None:
    ann = await new_user(database)
    sold = await shopping.sandbox_receipt(ann)
    await shopping.buy(ann, sold)
    (claim,) = await claims.latest(database, 1)
    for command in (["list", "--all"], ["show", str(claim.id)]):
        for options in ([], ["--json"]):
            assert sold not in (await operator.types("purchases", *command, *options)).replace("\n", "")


async def test_the_metrics_and_the_doctor_tell_what_waits(dsn: str, database: Database, shopping: Shopping) -> None:
    metrics = Metrics()
    gauges = PurchaseMetrics(metrics)
    value: Callable[..., float | None] = metrics.registry.get_sample_value
    ann = await new_user(database)

    async def doctor(settings: Settings) -> Finding:
        gauges.set(["real"], await claims.waiting(database), 0)
        found = await waiting(Installation(settings, False, settings.dev, {}, False, Ports.of(settings), dsn, ""))
        assert found is not None
        return found

    live = Settings(stores=StoreSettings(stripe=Stripe(secret_key="sk_test_1")))
    assert await doctor(live) == Finding(Found.OK, "stores: stripe; 0 purchases wait")
    assert (await doctor(Settings(dev=True))).state is Found.OK
    assert (await doctor(Settings())).text == "stores: none; 0 purchases wait: coins cannot be bought"
    assert value("stagedoor_purchases_waiting", {"store": "real"}) == 0

    with pytest.raises(PurchasePending):
        await shopping.present(ann, shopping.real.sell(state=State.PENDING))
    assert (await doctor(live)).state is Found.OK
    await database.execute("update purchase_claim set created_at = now() - interval '3 days'")
    found = await doctor(live)
    assert (found.state, found.text) == (Found.WARNING, "stores: stripe; 1 purchases wait; the oldest for 3 days")
    assert value("stagedoor_purchases_waiting", {"store": "real"}) == 1
    assert (value("stagedoor_purchases_oldest_seconds", {"store": "real"}) or 0) > 2 * 86400

    with pytest.raises(ProductNotOffered):
        await shopping.present(ann, shopping.real.sell("gold"))
    assert "1 paid purchases have a product that no package has" in (await doctor(live)).text
