"""Metrics of background jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import Counter, Gauge, Histogram

from control_plane.jobs import store
from control_plane.observe.metrics import Metrics

_BOUNDS_S = (0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)


class JobMetrics:
    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._attempts = Counter(
            "stagedoor_jobs", "Attempts of background jobs, by outcome", ("kind", "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "stagedoor_job_seconds", "Time of one attempt", ("kind",), buckets=_BOUNDS_S, registry=registry
        )
        self._in_queue = Gauge(
            "stagedoor_jobs_in_queue", "Background jobs in the queue", ("kind", "state"), registry=registry
        )
        self._late_seconds = Gauge(
            "stagedoor_jobs_late_seconds", "How long the oldest due job has waited", registry=registry
        )

    def ran(self, kind: str, outcome: str, seconds: float) -> None:
        self._attempts.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)

    def queue(self, kinds: Iterable[str], counts: Sequence[store.Count]) -> None:
        """Set the gauges of the queue. A kind or state without jobs has no count."""
        numbers = {(count.kind, count.state): count.number for count in counts}
        for kind in kinds:
            for state in store.State:
                self._in_queue.labels(kind, state.value).set(numbers.get((kind, state), 0))
        self._late_seconds.set(max((count.late_s for count in counts), default=0.0))
