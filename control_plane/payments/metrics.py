"""Metrics of purchases."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge

from control_plane.db.pool import Database
from control_plane.observe.measuring import measure
from control_plane.observe.metrics import Metrics
from control_plane.payments import claims_store as claims
from control_plane.payments import notifications_store as notices
from control_plane.payments.settling import Settled


class PurchaseMetrics:
    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._coins = Counter(
            "stagedoor_purchased_coins", "Coins credited for purchases", ("store",), registry=registry
        )
        self._refunded = Counter(
            "stagedoor_refunded_coins", "Coins of refunded purchases taken back", ("store",), registry=registry
        )
        self._owed = Counter(
            "stagedoor_refund_debt_coins", "Coins of refunded purchases that became debt", ("store",), registry=registry
        )
        self._waiting = Gauge(
            "stagedoor_purchases_waiting", "Claims of purchases that wait", ("store",), registry=registry
        )
        self._oldest = Gauge(
            "stagedoor_purchases_oldest_seconds", "How long the oldest one has waited", ("store",), registry=registry
        )
        self._notices = Gauge("stagedoor_store_notices_waiting", "Notifications of stores that wait", registry=registry)

    def settled(self, store: str, settled: Settled) -> None:
        self._coins.labels(store).inc(settled.credited + max(-settled.taken, 0))
        self._refunded.labels(store).inc(max(settled.taken, 0))
        self._owed.labels(store).inc(max(settled.owed, 0))

    def set(self, stores: Sequence[str], waiting: Sequence[claims.Waiting], notices_waiting: int) -> None:
        """`stores`: those that are connected, which have a value also if nothing waits."""
        self._waiting.clear()
        self._oldest.clear()
        by_store = {one.store: one for one in waiting}
        for store in {*stores, *by_store}:
            one = by_store.get(store)
            self._waiting.labels(store).set(one.claims if one else 0)
            self._oldest.labels(store).set(one.oldest_s if one else 0)
        self._notices.set(notices_waiting)


async def measure_purchases(database: Database, stores: Sequence[str], metrics: PurchaseMetrics) -> None:
    """Set the gauges every minute, until cancelled."""

    async def look() -> None:
        metrics.set(stores, await claims.waiting(database), (await notices.waiting(database))[0])

    await measure("purchases_not_measured", look)
