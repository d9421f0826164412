"""Buying coins, as each app does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.contract.client import Client
from api.sections import SECTIONS, sandbox
from control_plane.base.ids import UserId
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments.packages_store import offered, seed_packages
from control_plane.payments.stores.model import StoreUnavailable
from control_plane.payments.stores.sandbox import SandboxStore, Sold
from tests.api.sections.apps import APPS, Apps
from tests.api.served import served
from tests.control_plane.ledger.books import audit
from tests.control_plane.watched_database import WatchedDatabase

each_app = pytest.mark.parametrize("app", APPS)


@pytest.fixture
async def apps(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Apps]:
    async with served(dsn, database, tmp_path, *SECTIONS, sandbox.section, body_limit=100_000) as (http, platform):
        async with database.transaction() as connection:
            await seed_packages(connection)
        yield Apps(http, platform)


def store_of(apps: Apps) -> SandboxStore:
    assert apps.platform.payments.sandbox is not None
    return apps.platform.payments.sandbox


async def receipt(apps: Apps, user_id: UserId, sold: Sold = Sold.PURCHASED) -> str:
    product = (await offered(apps.database, "sandbox"))[0]
    return store_of(apps).receipts.sell(product, await apps.platform.payments.accounts.of(user_id), sold)


def as_sent_by(app: Client, transaction_id: str) -> dict[str, Any]:
    price = {Client.IOS: "$0.99", Client.ANDROID: "0.99"}.get(app, "1")
    body = {"user_id": "", "coin": "100", "title": "100 coins", "price": price, "transaction_id": transaction_id}
    return {**body, "device": "iOS" if app is Client.IOS else "android"}


@each_app
async def test_a_viewer_sees_the_present_wallet(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    stream = await apps.done("liveStream", token, app, title="Show")
    watched = {"live_streaming_id": stream["LiveStreaming"]["id"]}
    for coins in (0, 100, 200):
        assert (await apps.done("watchLiveStream", token, app, **watched))["User"]["wallet"] == coins
        await apps.done("purchaseCoin", token, app, **as_sent_by(app, await receipt(apps, ann)))


@each_app
async def test_a_purchase_is_credited_once(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    body = as_sent_by(app, await receipt(apps, ann))
    first = await apps.done("purchaseCoin", token, app, **body)
    assert first["User"]["wallet"] == 100
    assert (first["PurchaseCoin"]["coin"], first["PurchaseCoin"]["price"]) == (100, 1)
    again = await apps.done("purchaseCoin", token, app, **body)
    assert again["PurchaseCoin"]["id"] == first["PurchaseCoin"]["id"]
    assert again["User"]["wallet"] == 100
    assert await audit(apps.database) == 100


@each_app
async def test_a_purchase_that_waits_says_so_and_is_credited_later(
    apps: Apps, ann: UserId, token: str, app: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_: str) -> None:
        raise StoreUnavailable

    body = as_sent_by(app, await receipt(apps, ann))
    with monkeypatch.context() as patch:
        patch.setattr(store_of(apps), "look_up", down)
        answer = await apps.call("purchaseCoin", token, app, **body)
    assert answer["code"] == 201
    assert "the coins come as soon as the store confirms it" in answer["msg"]
    await apps.database.execute("update purchase_claim set due_at = now()")
    await apps.platform.payments.due.work()
    assert await wallet(apps.database, ann) == Wallet(bought=100)
    assert await audit(apps.database) == 100
    inbox = await apps.done("showAllNotifications", token, app, user_id=str(ann), starting_point="0")
    assert inbox[0]["Notification"]["string"] == "Your purchase is complete. Coins added: 100"
    assert inbox[0]["Notification"]["type"] == "coins_credited"


@each_app
async def test_a_purchase_that_is_not_paid_credits_nothing(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    for sold, text in (
        (Sold.PENDING, "not paid yet. The coins come"),
        (Sold.REFUNDED, "was refunded"),
        (Sold.CANCELLED, "cancelled"),
    ):
        answer = await apps.call("purchaseCoin", token, app, **as_sent_by(app, await receipt(apps, ann, sold)))
        assert answer["code"] == 201
        assert text in answer["msg"]
    assert await audit(apps.database) == 0


async def test_the_session_id_of_stripe_stands_for_the_transaction(apps: Apps, ann: UserId, token: str) -> None:
    """`android_kt` sends it as either."""
    body = as_sent_by(Client.ANDROID_KT, "")
    answer = await apps.done(
        "purchaseCoin", token, Client.ANDROID_KT, **body, stripe_session_id=await receipt(apps, ann)
    )
    assert answer["User"]["wallet"] == 100


async def test_a_signed_transaction_of_the_app_store_fits(apps: Apps, token: str) -> None:
    answer = await apps.call("purchaseCoin", token, transaction_id="e" * 16_000)
    assert (answer["code"], answer["msg"]) == (
        201,
        "This purchase is not from a store that this server is connected to.",
    )
    assert (await apps.call("purchaseCoin", token, transaction_id="e" * 17_000))["code"] == 400


async def test_only_a_session_buys(apps: Apps, ann: UserId) -> None:
    sold = await receipt(apps, ann)
    for call in ("purchaseCoin", "showStoreAccount", "sandbox/refunds", "sandbox/payments"):
        assert (await apps.call(call, user_id=str(ann), transaction_id=sold))["code"] == 401
    assert await audit(apps.database) == 0


async def test_the_id_for_stores_stays_the_same(apps: Apps, ann: UserId, token: str) -> None:
    first = (await apps.done("showStoreAccount", token))["StoreAccount"]["account"]
    assert UUID(first).version == 4
    assert (await apps.done("showStoreAccount", token))["StoreAccount"]["account"] == first
    assert await apps.queries("showStoreAccount", token) == 1
    assert await apps.platform.payments.accounts.of(ann) == first


async def test_the_statements_of_a_purchase_are_few(apps: Apps, ann: UserId, token: str) -> None:
    await apps.done("purchaseCoin", token, transaction_id=await receipt(apps, ann))
    first = await apps.queries("purchaseCoin", token, transaction_id=await receipt(apps, ann))
    sold = await receipt(apps, ann)
    await apps.done("purchaseCoin", token, transaction_id=sold)
    again = await apps.queries("purchaseCoin", token, transaction_id=sold)
    assert (first, again) == (7, 4)


# ── the sandbox ──


async def test_a_developer_pays_and_refunds(apps: Apps, ann: UserId, token: str) -> None:
    sold = (await apps.done("sandbox/purchases", token, coin=100, state="pending", quantity=2))["transaction_id"]
    assert (await apps.call("purchaseCoin", token, transaction_id=sold))["code"] == 201
    assert await apps.done("sandbox/payments", token, transaction_id=sold) == {"wallet": 200, "debt": 0}
    assert await apps.done("sandbox/refunds", token, transaction_id=sold, coin=50) == {"wallet": 150, "debt": 0}
    assert await apps.done("sandbox/refunds", token, transaction_id=sold) == {"wallet": 0, "debt": 0}
    assert await apps.done("sandbox/payments", token, transaction_id=sold) == {"wallet": 200, "debt": 0}
    assert (await apps.call("sandbox/refunds", token, transaction_id="sandbox.x"))["code"] == 201
    assert await audit(apps.database) == 200


async def test_a_call_that_is_lost_is_credited_by_the_notification(apps: Apps, token: str) -> None:
    sold = (await apps.done("sandbox/purchases", token, coin=500))["transaction_id"]
    assert await apps.done("sandbox/payments", token, transaction_id=sold) == {"wallet": 500, "debt": 0}
    assert await audit(apps.database) == 500
