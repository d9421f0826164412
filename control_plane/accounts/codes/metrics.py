"""Metrics of codes by email and phone."""

from __future__ import annotations

from prometheus_client import Counter

from control_plane.delivery.contacts import Channel
from control_plane.observe.metrics import Metrics


class CodeMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._requests = Counter(
            "stagedoor_code_requests",
            "Requests for a code by email or text message",
            ("channel", "outcome"),
            registry=metrics.registry,
        )

    def accepted(self, channel: Channel) -> None:
        self._requests.labels(channel.value, "accepted").inc()

    def refused(self, channel: Channel, *, by_day: bool) -> None:
        """`by_day`: by the limit of the whole server."""
        self._requests.labels(channel.value, "day_limit" if by_day else "limit").inc()
