"""Metrics of probes."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from control_plane.observe.metrics import Metrics

_BOUNDS_S = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0)


class ProbeMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self._probes = Counter(
            "stagedoor_probes",
            "Probes of live streams, by outcome and by transport",
            ("outcome", "via"),
            registry=metrics.registry,
        )
        self._seconds = Histogram(
            "stagedoor_probe_seconds",
            "Duration of a probe, its process included",
            buckets=_BOUNDS_S,
            registry=metrics.registry,
        )

    def probed(self, outcome: str, via: str, seconds: float) -> None:
        self._probes.labels(outcome, via).inc()
        self._seconds.observe(seconds)
