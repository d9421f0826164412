"""Everything that is measured, in one registry. Labels come from closed sets: never a path, an id or an address."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
_PROBES = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0)
_CALLS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.calls = Calls()
        self.registry.register(self.calls)
        self.auth_decisions = Counter(
            "stagedoor_auth_decisions",
            "Answers to the media server's auth callback",
            ("action", "verdict"),
            registry=self.registry,
        )
        self.auth_seconds = Histogram(
            "stagedoor_auth_seconds", "Time to decide in the process", buckets=_FAST, registry=self.registry
        )
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
            "Looks at live streams, by what came of them and by which way",
            ("outcome", "via"),
            registry=self.registry,
        )
        self.probe_seconds = Histogram(
            "stagedoor_probe_seconds", "Time of one look, its process included", buckets=_PROBES, registry=self.registry
        )
        self.loop_lag_seconds = Gauge(
            "stagedoor_loop_lag_seconds",
            "Longest wait of the event loop for its turn, over the last ten seconds",
            registry=self.registry,
        )
        self.part_restarts = Counter(
            "stagedoor_part_restarts", "Restarts of a supervised process", ("part",), registry=self.registry
        )

    def gift_sent(self, coins: int, *, replayed: bool) -> None:
        """A repeat, answered with what its first attempt did, moves nothing."""
        if not replayed:
            self.gifts.inc()
            self.gift_coins.inc(coins)

    def probed(self, outcome: str, via: str, seconds: float) -> None:
        self.probes.labels(outcome, via).inc()
        self.probe_seconds.observe(seconds)

    def watch_total(
        self, name: str, help_: str, read: Callable[[], float | Mapping[str, float]], label: str = ""
    ) -> None:
        """A counter that somebody else keeps."""
        self.registry.register(_Watched(name, help_, read, label, CounterMetricFamily))

    def watch(self, name: str, help_: str, read: Callable[[], float | Mapping[str, float]], label: str = "") -> None:
        """A gauge that is read when it is scraped; with `label`, `read` answers a value for each of its values."""
        self.registry.register(_Watched(name, help_, read, label, GaugeMetricFamily))

    def render(self) -> bytes:
        return generate_latest(self.registry)


class Calls:
    """Contract calls, counted in plain numbers by the one thread that answers them. `Counter` and `Histogram` lock, and look for the bucket one
    by one, which is a tenth of a short call."""

    def __init__(self) -> None:
        self._calls: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(_CALLS) + 1))

    def count(self, endpoint: str, code: int, seconds: float) -> None:
        self._calls[endpoint, code] += 1
        self._seconds[endpoint] += seconds
        self._buckets[endpoint][bisect_left(_CALLS, seconds)] += 1

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily(
            "stagedoor_requests", "Contract calls by endpoint and code", labels=["endpoint", "code"]
        )
        for (endpoint, code), number in self._calls.items():
            calls.add_metric([endpoint, str(code)], number)
        yield calls
        seconds = HistogramMetricFamily("stagedoor_request_seconds", "Time to answer", labels=["endpoint"])
        bounds = [*(str(bound) for bound in _CALLS), "+Inf"]
        for endpoint, counts in self._buckets.items():
            buckets = list(zip(bounds, map(float, accumulate(counts)), strict=True))
            seconds.add_metric([endpoint], buckets, self._seconds[endpoint])
        yield seconds


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
