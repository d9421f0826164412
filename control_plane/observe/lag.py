"""How late the event loop is: the first sign that something works longer than it may."""

from __future__ import annotations

import asyncio
import gc
from collections import deque

from control_plane.observe.metrics import Metrics

GC_THRESHOLDS = (50_000, 20, 50)
EVERY_S = 0.1
WINDOW = 100


async def measure_lag(metrics: Metrics) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    lags: deque[float] = deque(maxlen=WINDOW)
    while True:
        due = loop.time() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lags.append(max(0.0, loop.time() - due))
        metrics.loop_lag_seconds.set(max(lags))


def calm_garbage_collection() -> None:
    """What stands after the start stays for good and need not be looked at again; and with ten thousand sockets, a full collection at the
    usual thresholds would hold the loop for a tenth of a second at every turn."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
