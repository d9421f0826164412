"""Metrics of gifts."""

from __future__ import annotations

from prometheus_client import Counter

from control_plane.observe.metrics import Metrics


class GiftMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._gifts = Counter("stagedoor_gifts", "Gifts sent", registry=metrics.registry)
        self._coins = Counter("stagedoor_gift_coins", "Coins moved by gifts", registry=metrics.registry)

    def sent(self, coins: int) -> None:
        self._gifts.inc()
        self._coins.inc(coins)
