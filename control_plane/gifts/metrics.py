"""Metrics of gifts."""

from __future__ import annotations

from control_plane.observe.metrics import Metrics


class GiftMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._gifts = self._coins = 0
        metrics.watch_total("stagedoor_gifts", "Gifts sent", lambda: self._gifts)
        metrics.watch_total("stagedoor_gift_coins", "Coins moved by gifts", lambda: self._coins)

    def sent(self, coins: int) -> None:
        self._gifts += 1
        self._coins += coins
