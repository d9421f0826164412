"""Prometheus metrics, in one registry. Labels come from closed sets: never a path, an id or an address."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """The registry of a process. Each domain declares its metrics in a module `metrics.py` beside its code."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

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
        registry: CollectorRegistry,
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
        registry.register(self)

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
