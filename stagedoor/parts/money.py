"""Opens gifts, coin packages, the stores, purchases and rewards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp

from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered
from control_plane.gifts import totals_store
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.boards import Boards
from control_plane.gifts.bundle import Giving
from control_plane.gifts.metrics import GiftMetrics
from control_plane.gifts.sending import Gifts
from control_plane.ledger.check import Beside, LedgerCheck
from control_plane.observe.metrics import Metrics
from control_plane.payments import check_store as purchases_check
from control_plane.payments.bundle import Payments
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.due import DuePurchases
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.notifications import Notifications
from control_plane.payments.packages_store import packages
from control_plane.payments.purchases import Purchases
from control_plane.payments.store_accounts import StoreAccounts
from control_plane.payments.stores.model import LOOK_UP_S, Store
from control_plane.payments.stores.sandbox import SandboxStore
from control_plane.payments.stores.stripe.opening import open_stripe
from control_plane.payouts import check_store as payouts_check
from control_plane.rewards.bundle import Rewards
from control_plane.rewards.checking_in import CheckingIn
from stagedoor.parts.live import Live

STORE_CONNECTIONS = 50
"""Kept connections to the stores, and questions under way. More: a store that hangs holds more. Fewer: purchases wait for
each other."""

UNLIMITED = 10**9
"""Purchases per minute in development mode, for scripts and benchmarks."""

Opener = Callable[[Settings, aiohttp.ClientSession, Urls], Store | None]
"""Opens a store; None: it is not set up. It imports the store's modules itself, which are slow to import."""


def _app_store(settings: Settings, session: aiohttp.ClientSession, _urls: Urls) -> Store | None:
    from control_plane.payments.stores.apple.opening import open_apple

    return open_apple(settings.stores.apple, session)


def _google_play(settings: Settings, session: aiohttp.ClientSession, urls: Urls) -> Store | None:
    from control_plane.payments.stores.google.play import open_google

    return open_google(settings.stores.google, session, f"{urls.base}/stores/google")


def _stripe(settings: Settings, session: aiohttp.ClientSession, _urls: Urls) -> Store | None:
    return open_stripe(settings, session)


STORES: tuple[Opener, ...] = (_app_store, _google_play, _stripe)


def giving(database: Database, live: Live, urls: Urls, metrics: Metrics, accounts: Accounts) -> Giving:
    assortment = Assortment(database)
    gifts = Gifts(
        database,
        live.gift_writer,
        assortment,
        accounts.sessions.own_user,
        urls.gift_picture,
        GiftMetrics(metrics),
        accounts.ages,
    )
    return Giving(assortment, gifts, Boards(database))


def rewards(settings: Settings, database: Database) -> Rewards:
    return Rewards(CheckingIn(database, settings.checkin_coins))


@asynccontextmanager
async def payments(
    settings: Settings, secrets: Secrets, database: Database, urls: Urls, metrics: Metrics
) -> AsyncIterator[Payments]:
    """Raises InvalidSettings and other errors of a store that is set up wrongly."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=STORE_CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=LOOK_UP_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        opened = [store for opener in STORES if (store := opener(settings, session, urls)) is not None]
        sandbox = SandboxStore(secrets[Purpose.SANDBOX], database) if settings.dev else None
        stores = ConnectedStores([*opened, *([sandbox] if sandbox else [])])
        counted = PurchaseMetrics(metrics)
        per_minute = UNLIMITED if settings.dev else settings.purchase_rate
        purchases = Purchases(database, stores, counted, per_minute)
        yield Payments(
            Remembered(partial(packages, database)),
            stores,
            StoreAccounts(database),
            purchases,
            Notifications(database, stores),
            DuePurchases(database, stores, purchases),
            counted,
            sandbox,
        )


def ledger_check(database: Database, dsn: str) -> LedgerCheck:
    beside = [
        Beside("totals of gifts", totals_store.last_id, totals_store.differences),
        Beside("purchases", purchases_check.last_id, purchases_check.differences),
        Beside("payouts", payouts_check.last_id, payouts_check.differences),
    ]
    causes = [totals_store.wrong_gifts, purchases_check.without_purchase, payouts_check.without_payout]
    return LedgerCheck(database, dsn, beside, causes)
