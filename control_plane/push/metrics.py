"""Metrics of push messages."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from control_plane.observe.metrics import Metrics
from control_plane.push.model import Outcome, ServiceName


class PushMetrics:
    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._messages = Counter(
            "stagedoor_pushes", "Attempts to send a push message, by outcome", ("service", "outcome"), registry=registry
        )
        self._late_seconds = Gauge(
            "stagedoor_pushes_late_seconds", "How long the oldest due push message has waited", registry=registry
        )

    def attempt(self, service: ServiceName, outcome: Outcome) -> None:
        self._messages.labels(service.value, outcome.value).inc()

    def late(self, seconds: float) -> None:
        self._late_seconds.set(seconds)
