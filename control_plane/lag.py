"""How late the event loop is: the first sign that something works longer than it may."""

from __future__ import annotations

import asyncio
from collections import deque

from control_plane.metrics import Metrics

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
