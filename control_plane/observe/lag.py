"""Event-loop lag: how late the loop runs its tasks. A high lag is the first sign of code that blocks the loop."""

from __future__ import annotations

import asyncio
import gc
from collections import deque

from prometheus_client import Gauge

from control_plane.observe.metrics import Metrics

GC_THRESHOLDS = (50_000, 20, 50)
"""Thresholds of the three generations. Smaller: full collections block the loop more often. Larger: unreachable cycles
hold memory for longer."""
EVERY_S = 0.1
"""Time between two measurements. Larger: short blocks are missed. Smaller: measuring itself costs CPU."""
WINDOW = 100
"""Measurements of which the maximum is shown: ten seconds. Smaller: a scrape misses peaks. Larger: old peaks stay
visible."""


async def measure_lag(metrics: Metrics) -> None:
    """Set the gauge to the largest lag of the last WINDOW measurements, until cancelled."""
    gauge = Gauge(
        "stagedoor_loop_lag_seconds",
        "Largest lag of the event loop in the last ten seconds",
        registry=metrics.registry,
    )
    loop = asyncio.get_running_loop()
    lags: deque[float] = deque(maxlen=WINDOW)
    while True:
        due = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lags.append(max(0.0, loop.time() - due))
        gauge.set(max(lags))


def calm_garbage_collection() -> None:
    """Shorten garbage-collection pauses. Objects that exist after the start stay for good, so they are exempt from
    collection. With ten thousand sockets, a full collection at the default thresholds blocks the loop for 0.1 s each
    time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
