"""Metrics of contract calls."""

from __future__ import annotations

from control_plane.observe.metrics import Metrics, Tally

_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class CallMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._calls = Tally(
            ("stagedoor_requests", "Contract calls by endpoint and code"),
            ("endpoint", "code"),
            ("stagedoor_request_seconds", "Time to answer a contract call"),
            timed_by=("endpoint",),
            bounds=_BOUNDS_S,
            registry=metrics.registry,
        )

    def answered(self, endpoint: str, code: int, seconds: float) -> None:
        """`endpoint` is a name of the contract or "unknown", so that requests cannot create new label values."""
        self._calls.count((endpoint, code), seconds)
