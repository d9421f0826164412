"""Opens payouts: the addresses, with the secret that encrypts them, and the requests with their terms."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.payments.packages import CURRENCY
from control_plane.payouts.bundle import Payouts
from control_plane.payouts.details import PayoutDetails
from control_plane.payouts.model import Terms
from control_plane.payouts.sealing import Sealer
from control_plane.payouts.withdrawing import Withdrawing


def payouts(settings: Settings, secrets: Secrets, database: Database, accounts: Accounts, urls: Urls) -> Payouts:
    sealer = Sealer(secrets[Purpose.PAYOUT])
    details = PayoutDetails(
        database, sealer, accounts.passwords, accounts.codes, accounts.notices, f"{urls.base}/account"
    )
    return Payouts(database, details, Withdrawing(database, payout_terms(settings), accounts.ages), sealer)


def payout_terms(settings: Settings) -> Terms:
    return Terms(
        cash_per_coin=Decimal(settings.cash_per_coin),
        currency=CURRENCY,
        least=settings.payout_min_coins,
        hold=dt.timedelta(seconds=settings.payout_hold_s),
        change_hold=dt.timedelta(seconds=settings.payout_change_hold_s),
        two_operators_from=settings.payout_two_operators_coins,
    )
