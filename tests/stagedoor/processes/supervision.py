"""Supervises a child for a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from control_plane.base.workers import Workers
from control_plane.observe.metrics import Metrics
from stagedoor.processes.supervisor import Child, ChildGaveUp, Supervisor


@contextlib.asynccontextmanager
async def supervised(
    child: Child, on_spawn: Callable[[int], None] = lambda _pid: None, **options: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """Restart the child, which runs, whenever it ends. Yields the task that does it. Does not stop the child."""
    async with contextlib.AsyncExitStack() as stack:
        supervisor = Supervisor(stack, Workers(), Metrics(), lambda _name, pid: on_spawn(pid), **options)
        task: asyncio.Task[None] = asyncio.create_task(supervisor.supervise(child))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ChildGaveUp):
                await task
