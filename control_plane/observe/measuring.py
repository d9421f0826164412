"""Gauges that are read from the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from control_plane.base.errors import ControlPlaneError

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Time between two looks. Shorter: more queries. Longer: an alarm comes later."""


async def measure(failure: str, look: Callable[[], Awaitable[None]]) -> None:
    """Run `look`, which sets gauges, every minute until cancelled. While the database is down they keep their values, and
    `failure` is logged."""
    while True:
        try:
            await look()
        except ControlPlaneError as error:
            log.warning(failure, extra={"why": error.code})
        await asyncio.sleep(EVERY_S)
