"""Supervised background tasks: each runs while its part of the server is open. One that ends by itself stops the
server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from control_plane.base.errors import ControlPlaneError, ErrorKind

log = logging.getLogger(__name__)


class PartFailed(ControlPlaneError):
    """A background task failed or ended."""

    code = "part_failed"
    kind = ErrorKind.STOPS


class Workers:
    """Owns the long-running tasks. Each is cancelled and awaited when its part is closed."""

    def __init__(self) -> None:
        self._failed: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def running(self, name: str, work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # `_ended` has logged the task's own error
                await task

    async def keep(self, stack: AsyncExitStack, name: str, work: Coroutine[Any, Any, object]) -> None:
        """Run the task until the stack is closed."""
        await stack.enter_async_context(self.running(name, work))

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`. Raises PartFailed when a worker ends before it."""
        stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([stopping, self._failed], return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
        finally:
            stopping.cancel()

    def _ended(self, task: asyncio.Task[object]) -> None:
        if task.cancelled() or self._failed.done():
            return
        error = task.exception()
        if isinstance(error, ControlPlaneError):
            log.critical("part_failed", extra={"part": task.get_name(), "why": str(error)})
        else:
            log.critical("part_failed", extra={"part": task.get_name()}, exc_info=error)
        why = "it ended" if error is None else str(error) or type(error).__name__
        self._failed.set_exception(PartFailed(f"{task.get_name()} failed: {why}"))
        self._failed.exception()  # marks the exception as retrieved; `until` raises it
