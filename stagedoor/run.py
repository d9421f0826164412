"""`stagedoor run`: opens the parts of a role, serves until it is stopped, and closes them in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from control_plane.base.workers import Workers
from control_plane.config.settings import Settings
from control_plane.observe.lag import calm_garbage_collection
from control_plane.observe.metrics import Metrics
from stagedoor.processes.children import Progress
from stagedoor.roles import ROLES, Opening, Role, Started


async def serve(
    settings: Settings,
    progress: Progress,
    ready: Callable[[Started], object],
    stop: asyncio.Event,
    role: Role = ROLES["all"],
) -> None:
    """Run the server until `stop` is set. `ready` is called when it serves.

    Raises a ControlPlaneError when a part cannot start or fails for good; all started parts are stopped first.
    """
    workers = Workers()
    async with AsyncExitStack() as stack:
        started = await role(Opening(settings, stack, workers, Metrics(), progress))
        calm_garbage_collection()
        ready(started)
        await workers.until(stop)
        progress("Stopping")
