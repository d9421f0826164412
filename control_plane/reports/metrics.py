"""Metrics of reports: how many wait for an operator, and for how long."""

from __future__ import annotations

from prometheus_client import Gauge

from control_plane.db.pool import Database
from control_plane.observe.measuring import measure
from control_plane.observe.metrics import Metrics
from control_plane.reports import store


class ReportMetrics:
    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._open = Gauge("stagedoor_reports_open", "Reports that wait for an operator", registry=registry)
        self._oldest = Gauge(
            "stagedoor_reports_oldest_seconds", "How long the oldest open report has waited", registry=registry
        )
        self._appeals = Gauge("stagedoor_appeals_open", "Appeals that wait for an operator", registry=registry)

    def set(self, backlog: store.Backlog) -> None:
        self._open.set(backlog.reports)
        self._oldest.set(backlog.oldest_s)
        self._appeals.set(backlog.appeals)


async def measure_reports(database: Database, metrics: ReportMetrics) -> None:
    """Set the gauges every minute, until cancelled."""

    async def look() -> None:
        metrics.set(await store.backlog(database))

    await measure("reports_not_measured", look)
