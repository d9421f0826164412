"""Opens gifts, coin packages, purchases and payouts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial

from api.http.urls import Urls
from control_plane.accounts.age import Ages
from control_plane.accounts.bundle import Accounts
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
from control_plane.payments.packages import CURRENCY
from control_plane.payments.purchases import Purchases
from control_plane.payments.shops import SandboxShop
from control_plane.payments.store import packages
from control_plane.payouts.bundle import Payouts
from control_plane.payouts.details import PayoutDetails
from control_plane.payouts.model import Terms
from control_plane.payouts.sealing import Sealer
from control_plane.payouts.withdrawing import Withdrawing
from stagedoor.parts.live import Live


def giving(database: Database, live: Live, urls: Urls, metrics: Metrics, ages: Ages) -> Giving:
    assortment = Assortment(database)
    gifts = Gifts(database, live.event_log, assortment, urls.gift_picture, GiftMetrics(metrics), ages)
    return Giving(assortment, gifts)


def payments(settings: Settings, secrets: Secrets, database: Database, metrics: Metrics) -> Payments:
    sandbox = SandboxShop(secrets[Purpose.SANDBOX]) if settings.dev else None
    purchases = Purchases(database, [sandbox] if sandbox else [], PurchaseMetrics(metrics))
    return Payments(Remembered(partial(packages, database)), purchases, sandbox)


def payouts(settings: Settings, secrets: Secrets, database: Database, opened_accounts: Accounts, urls: Urls) -> Payouts:
    sealer = Sealer(secrets[Purpose.PAYOUT])
    details = PayoutDetails(
        database,
        sealer,
        opened_accounts.passwords,
        opened_accounts.codes,
        opened_accounts.notices,
        f"{urls.base}/account",
    )
    return Payouts(database, details, Withdrawing(database, payout_terms(settings), opened_accounts.ages), sealer)


def payout_terms(settings: Settings) -> Terms:
    return Terms(
        cash_per_coin=Decimal(settings.cash_per_coin),
        currency=CURRENCY,
        least=settings.payout_min_coins,
        hold=dt.timedelta(seconds=settings.payout_hold_s),
        change_hold=dt.timedelta(seconds=settings.payout_change_hold_s),
        two_operators_from=settings.payout_two_operators_coins,
    )
