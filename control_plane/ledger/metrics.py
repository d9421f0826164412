"""Metrics of the checks of the ledger: when each was made, and what it found."""

from __future__ import annotations

from prometheus_client import Gauge

from control_plane.db.pool import Database
from control_plane.ledger import check_store
from control_plane.observe.measuring import measure
from control_plane.observe.metrics import Metrics


class LedgerMetrics:
    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._differences = Gauge(
            "stagedoor_ledger_differences", "Differences that the latest check found", ["check"], registry=registry
        )
        self._checked_at = Gauge(
            "stagedoor_ledger_checked_at", "Unix time of the latest check", ["check"], registry=registry
        )

    def set(self, latest: check_store.Latest) -> None:
        self._differences.labels(latest.kind.value).set(latest.differences)
        self._checked_at.labels(latest.kind.value).set(latest.checked_at.timestamp())


async def measure_ledger(database: Database, metrics: LedgerMetrics) -> None:
    """Set the gauges every minute, until cancelled."""

    async def look() -> None:
        for latest in await check_store.latest(database):
            metrics.set(latest)

    await measure("ledger_not_measured", look)
