"""Coins bought from Google Play, from the app's claim and the notifications to the refund."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import aiohttp
import pytest

from api.http.urls import Urls
from control_plane.base.ids import UserId
from control_plane.config.settings import Settings
from control_plane.config.stores import StoreSettings
from control_plane.db.pool import Database
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.errors import PurchaseOfAnother, PurchasePending, PurchaseWaits
from control_plane.payments.refunds import Refunds
from control_plane.payments.stores.google.play import GooglePlay
from stagedoor.parts.money import STORES
from tests import local_google_play
from tests.control_plane.ledger.books import audit
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.people import new_user
from tests.local_google_play import ADDRESS, LocalGooglePlay, bought, voided

DAY = dt.timedelta(days=1)


@dataclass
class Counter:
    """Purchases with Google Play as the only store."""

    google: LocalGooglePlay
    shopping: Shopping

    async def notify(self, content: object, message_id: str) -> None:
        await self.shopping.notifications.take("google", self.google.push(content, message_id=message_id))
        await self.shopping.due.work()

    async def wallet(self, user_id: UserId) -> Wallet:
        return await wallet(self.shopping.database, user_id)


@pytest.fixture
def counter(google: LocalGooglePlay, shopping: Shopping, session: aiohttp.ClientSession) -> Counter:
    settings = Settings(stores=StoreSettings(google=google.settings()))
    urls = Urls("127.0.0.1", 1, 1, 1, 1, 1, public_url=ADDRESS.removesuffix("/stores/google"))
    opened = [store for opener in STORES if (store := opener(settings, session, urls)) is not None]
    assert [type(store) for store in opened] == [GooglePlay]
    shopping.stores = ConnectedStores(opened)
    shopping.restart()
    return Counter(google, shopping)


async def test_a_claim_credits_once_and_consumes(counter: Counter, database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    token = counter.google.buy("one")
    for _ in range(2):
        assert (await counter.shopping.present(ann, token)).wallet == Wallet(bought=100)
    with pytest.raises(PurchaseOfAnother):
        await counter.shopping.present(ben, token)
    await counter.notify(bought(token), "1")
    assert counter.google.consumed == [("coins_100", token)]
    assert await audit(database) == 100


async def test_a_notification_credits_a_purchase_whose_call_was_lost(counter: Counter, database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    token = counter.google.buy("one", obfuscatedExternalAccountId=await counter.shopping.accounts.of(ann))
    with pytest.raises(PurchaseOfAnother):
        await counter.shopping.present(ben, token)
    for message_id in ("1", "1", "2"):
        await counter.notify(bought(token), message_id)
    assert await counter.wallet(ann) == Wallet(bought=100)
    assert counter.google.consumed == [("coins_100", token)]
    assert await audit(database) == 100


async def test_a_purchase_that_is_paid_later_is_credited_then(counter: Counter, database: Database) -> None:
    ann = await new_user(database)
    token = counter.google.wait_for_payment("cash")
    with pytest.raises(PurchasePending):
        await counter.shopping.present(ann, token)
    await counter.shopping.work()
    assert await counter.wallet(ann) == Wallet()
    counter.google.buy("cash")
    await counter.shopping.work()
    assert await counter.wallet(ann) == Wallet(bought=100)
    assert await audit(database) == 100


async def test_while_google_is_down_the_purchase_waits(counter: Counter, database: Database) -> None:
    ann = await new_user(database)
    token = counter.google.buy("one")
    counter.google.failures = [local_google_play.BACKEND] * 2
    for _ in range(2):
        with pytest.raises(PurchaseWaits):
            await counter.shopping.present(ann, token)
    await counter.shopping.work()
    assert await counter.wallet(ann) == Wallet(bought=100)


async def test_a_purchase_that_cannot_be_consumed_at_once_is_consumed_later(
    counter: Counter, database: Database
) -> None:
    ann = await new_user(database)
    token = counter.google.buy("one")
    counter.google.consume_failures = [local_google_play.BACKEND]
    await counter.shopping.present(ann, token)
    assert not counter.google.consumed
    await counter.shopping.work()
    assert counter.google.consumed == [("coins_100", token)]
    assert await counter.wallet(ann) == Wallet(bought=100)


async def test_refunds_take_coins_back_by_notification_and_by_the_list(counter: Counter, database: Database) -> None:
    ann = await new_user(database)
    three, one = counter.google.buy("three", quantity=3), counter.google.buy("one")
    for token in (three, one):
        await counter.shopping.present(ann, token)
    assert await counter.wallet(ann) == Wallet(bought=400)
    counter.google.refund(three, 1)
    await counter.notify(voided(three), "1")
    assert await counter.wallet(ann) == Wallet(bought=300)
    counter.google.refund(one)
    refunds = Refunds(database, counter.shopping.stores)
    for _ in range(2):
        await refunds.find(DAY)
        await counter.shopping.due.work()
    assert await counter.wallet(ann) == Wallet(bought=200)
    assert await audit(database) == 200


async def test_a_list_that_fails_changes_nothing(
    counter: Counter, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    counter.google.failures = [local_google_play.BACKEND]
    await Refunds(database, counter.shopping.stores).find(DAY)
    assert "refunds_not_listed" in caplog.text
