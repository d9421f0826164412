"""Metrics of payouts: how many are open, since when, and for how many coins."""

from __future__ import annotations

import asyncio
import logging

from prometheus_client import Gauge

from control_plane.base.errors import ControlPlaneError
from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics
from control_plane.payouts import store

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Time between two looks. Shorter: more queries. Longer: an alarm comes later."""


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
    """Set the gauges every minute, until cancelled. While the database is down they keep their values."""
    while True:
        try:
            metrics.set(await store.backlog(database))
        except ControlPlaneError as error:
            log.warning("payouts_not_measured", extra={"why": error.code})
        await asyncio.sleep(EVERY_S)
