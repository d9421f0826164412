"""Metrics of MediaMTX's hooks."""

from __future__ import annotations

from prometheus_client import Counter

from control_plane.observe.metrics import Metrics, Tally

_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)


class HookMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._decisions = Tally(
            ("stagedoor_auth_decisions", "Answers to the media server's auth callback"),
            ("action", "verdict"),
            ("stagedoor_auth_seconds", "Time to decide an auth callback, without the network"),
            timed_by=(),
            bounds=_BOUNDS_S,
            registry=metrics.registry,
        )
        self._events = Counter(
            "stagedoor_hook_events", "Hooks received from the media server", ("event",), registry=metrics.registry
        )

    def decided(self, action: str, verdict: str, seconds: float) -> None:
        self._decisions.count((action, verdict), seconds)

    def received(self, event: str) -> None:
        self._events.labels(event).inc()
