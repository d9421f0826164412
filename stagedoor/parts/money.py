"""Opens gifts, coin packages, purchases and rewards."""

from __future__ import annotations

from functools import partial

from api.http.urls import Urls
from control_plane.accounts.age import Ages
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.bundle import Giving
from control_plane.gifts.metrics import GiftMetrics
from control_plane.gifts.sending import Gifts
from control_plane.observe.metrics import Metrics
from control_plane.payments.bundle import Payments
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.purchases import Purchases
from control_plane.payments.shops import SandboxShop
from control_plane.payments.store import packages
from control_plane.rewards.bundle import Rewards
from control_plane.rewards.checking_in import CheckingIn
from stagedoor.parts.live import Live


def giving(database: Database, live: Live, urls: Urls, metrics: Metrics, ages: Ages) -> Giving:
    assortment = Assortment(database)
    gifts = Gifts(database, live.event_log, assortment, urls.gift_picture, GiftMetrics(metrics), ages)
    return Giving(assortment, gifts)


def payments(settings: Settings, secrets: Secrets, database: Database, metrics: Metrics) -> Payments:
    sandbox = SandboxShop(secrets[Purpose.SANDBOX]) if settings.dev else None
    purchases = Purchases(database, [sandbox] if sandbox else [], PurchaseMetrics(metrics))
    return Payments(Remembered(partial(packages, database)), purchases, sandbox)


def rewards(settings: Settings, database: Database) -> Rewards:
    return Rewards(CheckingIn(database, settings.checkin_coins))
