"""Metrics of purchases."""

from __future__ import annotations

from prometheus_client import Counter

from control_plane.observe.metrics import Metrics


class PurchaseMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._coins = Counter(
            "stagedoor_purchased_coins", "Coins credited for purchases", ("store",), registry=metrics.registry
        )

    def credited(self, store: str, coins: int) -> None:
        self._coins.labels(store).inc(coins)
