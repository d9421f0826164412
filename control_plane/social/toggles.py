"""Toggles of a user, such as follow, block and like: a call turns the state on or off.

Calls of one user on one target that overlap in time are one: an app sends a double tap, or a call again whose answer is
late, and neither should undo the first. Within this process they share the first call's result. Between processes the
later one waits for a lock and then leaves the state as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.locks import lock_names, lock_or_wait
from control_plane.db.pool import Database

T = TypeVar("T")

REMEMBERED = 10_000
"""Toggles that are running or just ran. Fewer: under load, a call that arrived during another one may undo it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toggle:
    what: str
    user_id: UserId
    target_id: int
    """Of a user, a video …: `what` says of what."""
    wanted: bool | None = None
    """The state to set. None: the other one than now."""
    arrived: float = field(default_factory=time.perf_counter)
    """When the call arrived, by `time.perf_counter`."""

    def switched(self, stands: bool, waited: bool) -> bool:
        """The new state. `waited`: an overlapping call of another process has just switched it."""
        if self.wanted is not None:
            return self.wanted
        return stands if waited else not stands


@dataclass(slots=True)
class _Run(Generic[T]):
    task: asyncio.Task[T]
    ended: float | None = None


Switch = Callable[[bool], bool]
"""From the state as it stands to the new state."""


class Toggles:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs: LRUCache[Hashable, _Run[Any]] = LRUCache(REMEMBERED)

    async def run(self, toggle: Toggle, change: Callable[[Connection, Switch], Awaitable[T]]) -> T:
        """Run `change` in a transaction, or return the result of the call that this one overlaps. `change` reads how things
        stand, asks its second argument for the new state, and writes it. A change between two users starts with
        `lock_pair`."""
        key = (toggle.what, toggle.user_id, toggle.target_id, toggle.wanted)
        run: _Run[T] | None = self._runs.get(key)
        if run is None or (run.ended is not None and run.ended <= toggle.arrived):
            run = self._runs[key] = self._start(toggle, change)
        return await asyncio.shield(run.task)  # a caller that gives up does not cancel the others

    def _start(self, toggle: Toggle, change: Callable[[Connection, Switch], Awaitable[T]]) -> _Run[T]:
        run = _Run(asyncio.create_task(self._transact(toggle, change)))

        def ended(task: asyncio.Task[T]) -> None:
            run.ended = time.perf_counter()
            if not task.cancelled():
                task.exception()  # retrieved here, in case that all callers gave up

        run.task.add_done_callback(ended)
        return run

    async def _transact(self, toggle: Toggle, change: Callable[[Connection, Switch], Awaitable[T]]) -> T:
        async with self._database.transaction() as connection:
            waited = await lock_or_wait(connection, f"{toggle.what}/{toggle.user_id}/{toggle.target_id}")
            return await change(connection, lambda stands: toggle.switched(stands, waited))


async def lock_pair(connection: Connection, one: UserId, other: UserId) -> None:
    """Until the transaction ends, no other one changes follows, requests and blocks between these users."""
    low, high = sorted((one, other))
    await lock_names(connection, f"pair/{low}/{high}")
