"""Metrics of payouts: how many are open, since when, and for how many coins."""

from __future__ import annotations

from prometheus_client import Gauge

from control_plane.db.pool import Database
from control_plane.observe.measuring import measure
from control_plane.observe.metrics import Metrics
from control_plane.payouts import store


class PayoutMetrics:
    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._open = Gauge("stagedoor_payouts_open", "Payouts that are neither paid nor rejected", registry=registry)
        self._oldest = Gauge(
            "stagedoor_payouts_oldest_seconds", "How long the oldest open payout has waited", registry=registry
        )
        self._coins = Gauge("stagedoor_payouts_reserved_coins", "Coins of open payouts", registry=registry)

    def set(self, backlog: store.Backlog) -> None:
        self._open.set(backlog.payouts)
        self._oldest.set(backlog.oldest_s)
        self._coins.set(backlog.coins)


async def measure_payouts(database: Database, metrics: PayoutMetrics) -> None:
    """Set the gauges every minute, until cancelled."""

    async def look() -> None:
        metrics.set(await store.backlog(database))

    await measure("payouts_not_measured", look)
