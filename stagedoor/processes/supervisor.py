"""The supervisor of long-lived child processes: it restarts them with backoff, reports their pids, and stops them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import NoReturn, Protocol

from prometheus_client import Counter

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.workers import Workers
from control_plane.observe.metrics import Metrics

PAUSES_S = (0.0, 0.5, 1.0, 2.0)
"""Backoff before each restart, by the number of failures within `WINDOW_S`. One failure more than entries: give up."""
WINDOW_S = 60.0
"""Window in which failures count. Smaller: a child that dies every few seconds is restarted for ever."""

log = logging.getLogger(__name__)


class Child(Protocol):
    """A child process that can be supervised. Its program is started and stopped by its own rules."""

    @property
    def name(self) -> str:
        """In metrics and the run file."""
        ...

    @property
    def failed_event(self) -> str:
        """The log event of a failure."""
        ...

    @property
    def title(self) -> str:
        """The program's name in texts for people."""
        ...

    async def launch(self, on_spawn: Callable[[int], None]) -> None:
        """Spawn the process, report its pid, and return when it is ready.

        The pid is reported before the process is ready, so that it is recorded if we are killed. Raises a
        ControlPlaneError that says why it failed, and leaves no process behind.
        """
        ...

    async def wait(self) -> str:
        """Return how the running process ended, when it has ended."""
        ...

    async def stop(self) -> None:
        """Stop the process, by force in the end. Does nothing when none runs."""
        ...


class ChildGaveUp(ControlPlaneError):
    """A child failed too often within a minute, so it is not restarted any more."""

    code = "child_gave_up"
    kind = ErrorKind.STOPS


class Supervisor:
    """Supervises the children of one run.

    `spawned` is called with a child's name and its pid after each spawn. Children are stopped when `stack` is closed:
    the one that was kept last stops first.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        workers: Workers,
        metrics: Metrics,
        spawned: Callable[[str, int], None],
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        window_s: float = WINDOW_S,
    ) -> None:
        self._stack = stack
        self._workers = workers
        self._restarts = Counter(
            "stagedoor_part_restarts", "Restarts of a supervised process", ("part",), registry=metrics.registry
        )
        self._spawned = spawned
        self._pauses_s = pauses_s
        self._window_s = window_s

    async def keep(self, child: Child) -> None:
        """Restart the child, which runs, whenever it ends. When the stack is closed, stop restarting it and stop it."""
        self._stack.push_async_callback(child.stop)
        await self._workers.keep(self._stack, child.name, self.supervise(child))

    async def supervise(self, child: Child) -> NoReturn:
        """Restart the child, which runs, whenever it ends: at first at once, then with backoff.

        Failures are exits and failed starts. Raises ChildGaveUp.
        """
        failures: deque[float] = deque()
        reason = await child.wait()
        while True:
            now = time.monotonic()
            failures.append(now)
            while now - failures[0] > self._window_s:
                failures.popleft()
            log.warning(child.failed_event, extra={"reason": reason, "lately": len(failures)})
            if len(failures) > len(self._pauses_s):
                raise ChildGaveUp(
                    f"{child.title} failed {len(failures)} times within {self._window_s:.0f} seconds. Last failure: "
                    f"{reason}"
                )
            await asyncio.sleep(self._pauses_s[len(failures) - 1])
            try:
                await child.launch(partial(self._respawned, child.name))
            except ControlPlaneError as error:
                reason = str(error)
            else:
                reason = await child.wait()

    def _respawned(self, name: str, pid: int) -> None:
        self._restarts.labels(name).inc()
        self._spawned(name, pid)
