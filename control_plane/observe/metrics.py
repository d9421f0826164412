"""Prometheus metrics, in one registry. Labels come from closed sets: never a path, an id or an address."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
_PROBES = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0)
_JOBS = (0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
_CALLS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.calls = Tally(
            ("stagedoor_requests", "Contract calls by endpoint and code"),
            ("endpoint", "code"),
            ("stagedoor_request_seconds", "Time to answer a contract call"),
            timed_by=("endpoint",),
            bounds=_CALLS,
        )
        self.auth = Tally(
            ("stagedoor_auth_decisions", "Answers to the media server's auth callback"),
            ("action", "verdict"),
            ("stagedoor_auth_seconds", "Time to decide an auth callback, without the network"),
            timed_by=(),
            bounds=_FAST,
        )
        for tally in (self.calls, self.auth):
            self.registry.register(tally)
        self.hook_events = Counter(
            "stagedoor_hook_events", "Hooks received from the media server", ("event",), registry=self.registry
        )
        self.gifts = Counter("stagedoor_gifts", "Gifts sent", registry=self.registry)
        self.gift_coins = Counter("stagedoor_gift_coins", "Coins moved by gifts", registry=self.registry)
        self.purchased_coins = Counter(
            "stagedoor_purchased_coins", "Coins credited for purchases", ("store",), registry=self.registry
        )
        self.probes = Counter(
            "stagedoor_probes",
            "Probes of live streams, by outcome and by transport",
            ("outcome", "via"),
            registry=self.registry,
        )
        self.probe_seconds = Histogram(
            "stagedoor_probe_seconds",
            "Duration of a probe, its process included",
            buckets=_PROBES,
            registry=self.registry,
        )
        self.jobs = Counter(
            "stagedoor_jobs", "Attempts of background jobs, by outcome", ("kind", "outcome"), registry=self.registry
        )
        self.job_seconds = Histogram(
            "stagedoor_job_seconds", "Time of one attempt", ("kind",), buckets=_JOBS, registry=self.registry
        )
        self.jobs_in_queue = Gauge(
            "stagedoor_jobs_in_queue", "Background jobs in the queue", ("kind", "state"), registry=self.registry
        )
        self.jobs_late_seconds = Gauge(
            "stagedoor_jobs_late_seconds", "How long the oldest due job has waited", registry=self.registry
        )
        self.loop_lag_seconds = Gauge(
            "stagedoor_loop_lag_seconds",
            "Largest lag of the event loop in the last ten seconds",
            registry=self.registry,
        )

    def gift_sent(self, coins: int) -> None:
        self.gifts.inc()
        self.gift_coins.inc(coins)

    def probed(self, outcome: str, via: str, seconds: float) -> None:
        self.probes.labels(outcome, via).inc()
        self.probe_seconds.observe(seconds)

    def job_ran(self, kind: str, outcome: str, seconds: float) -> None:
        self.jobs.labels(kind, outcome).inc()
        self.job_seconds.labels(kind).observe(seconds)

    def watch_total(
        self, name: str, help_: str, read: Callable[[], float | Mapping[str, float]], label: str = ""
    ) -> None:
        """Register a counter that another part keeps. `read` is called at each scrape. With `label`, it returns one
        value per label value."""
        self.registry.register(_Watched(name, help_, read, label, CounterMetricFamily))

    def watch(self, name: str, help_: str, read: Callable[[], float | Mapping[str, float]], label: str = "") -> None:
        """Register a gauge. `read` is called at each scrape. With `label`, it returns one value per label value."""
        self.registry.register(_Watched(name, help_, read, label, GaugeMetricFamily))

    def render(self) -> bytes:
        return generate_latest(self.registry)


class Tally:
    """A counter and a histogram of a frequent operation, kept as plain numbers by a single thread. `Counter` and
    `Histogram` take a lock and search the bucket linearly, which costs a tenth of a short call."""

    def __init__(
        self,
        counted: tuple[str, str],
        labels: tuple[str, ...],
        timed: tuple[str, str],
        timed_by: tuple[str, ...],
        bounds: Sequence[float],
    ) -> None:
        """`counted`, `timed`: name and help text of the counter and of the histogram. The histogram's labels,
        `timed_by`, are the first of the counter's `labels`."""
        assert labels[: len(timed_by)] == timed_by
        self._counted, self._labels = counted, labels
        self._timed, self._timed_by = timed, timed_by
        self._bounds = bounds
        self._counts: defaultdict[tuple[str | int, ...], int] = defaultdict(int)
        self._seconds: defaultdict[tuple[str | int, ...], float] = defaultdict(float)
        self._buckets: defaultdict[tuple[str | int, ...], list[int]] = defaultdict(lambda: [0] * (len(bounds) + 1))

    def count(self, values: tuple[str | int, ...], seconds: float) -> None:
        """Count one operation with these label values; it took `seconds`."""
        self._counts[values] += 1
        timed = values[: len(self._timed_by)]
        self._seconds[timed] += seconds
        self._buckets[timed][bisect_left(self._bounds, seconds)] += 1

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        counter = CounterMetricFamily(*self._counted, labels=self._labels)
        for values, number in self._counts.items():
            counter.add_metric(_texts(values), number)
        yield counter
        histogram = HistogramMetricFamily(*self._timed, labels=self._timed_by)
        bounds = [*(str(bound) for bound in self._bounds), "+Inf"]
        for values, counts in self._buckets.items():
            buckets = list(zip(bounds, map(float, accumulate(counts)), strict=True))
            histogram.add_metric(_texts(values), buckets, self._seconds[values])
        yield histogram


def _texts(values: tuple[str | int, ...]) -> list[str]:
    return [str(value) for value in values]


class _Watched:
    def __init__(
        self,
        name: str,
        help_: str,
        read: Callable[[], float | Mapping[str, float]],
        label: str,
        family: type[GaugeMetricFamily] | type[CounterMetricFamily],
    ) -> None:
        self._name, self._help, self._read, self._label, self._family = name, help_, read, label, family

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        family = self._family(self._name, self._help, labels=[self._label] if self._label else None)
        value = self._read()
        for label, number in value.items() if isinstance(value, Mapping) else [("", value)]:
            family.add_metric([label] if self._label else [], number)
        yield family
