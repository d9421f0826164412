"""Kinds of background jobs: `@job` declares one.

The first parameter of the function is its dependency, which is bound where the worker is opened. The other parameters
are the job's arguments. They are stored as JSON, so they are ids and plain values, never secrets. A job may run more
than once (its worker was killed, its result was not stored), so the function must be idempotent.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import msgspec

from control_plane.base.ids import JobId
from control_plane.db.connections import Connection

D = TypeVar("D")
P = ParamSpec("P")

ATTEMPTS = 10
"""A job that keeps failing is dead after about two hours, with the backoff between attempts. More: it is dead, and seen
by an operator, later. Fewer: an outage of an hour kills jobs."""
FIRST_RETRY_S = 5.0
"""Backoff after the first failure; it doubles with each. Larger: a short fault delays a job for longer."""
LONGEST_RETRY_S = 3600.0
"""Upper limit of the backoff. Larger: a job waits longer after a long outage."""


class Postponed(Exception):
    """Raised by a job that cannot run now. It runs again after this time, behind jobs that were postponed less often, and
    no attempt is counted."""

    def __init__(self, delay: dt.timedelta) -> None:
        super().__init__(f"It cannot run now, and is tried again in {delay.total_seconds():.0f} s.")
        self.delay = delay


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind(Generic[D, P]):
    """The function and the options of all jobs of one kind."""

    function: Callable[Concatenate[D, P], Awaitable[None]]
    name: str
    every: str
    at_once: int
    priority: int
    attempts: int
    delay: dt.timedelta = dt.timedelta(0)
    key: str | None = None

    def set(
        self, *, delay: dt.timedelta = dt.timedelta(0), key: str | None = None, priority: int | None = None
    ) -> Kind[D, P]:
        """Return this kind with options for the jobs that are enqueued through it. `delay`: the earliest start. `key`: a job
        is not enqueued while another one with this key is waiting or running."""
        return dataclasses.replace(self, delay=delay, key=key, priority=self.priority if priority is None else priority)

    async def enqueue(self, connection: Connection, *args: P.args, **kwargs: P.kwargs) -> JobId | None:
        """Enqueue a job in the caller's transaction: it exists if and only if that commits. Returns None if a job with the
        same key exists.

        The COMMIT sends a notification, which serialises commits across the database: too slow for gifts.
        """
        # Imported here: kinds are declared in the domain, which commands load, and the library takes 0.2 s to load.
        from pgqueuer import AsyncpgDriver

        from control_plane.jobs.queue import queries

        # None stands for the first parameter, which the worker binds.
        arguments = inspect.signature(self.function).bind(None, *args, **kwargs).arguments
        payload = msgspec.json.encode(dict(list(arguments.items())[1:]))
        (job_id,) = await queries(AsyncpgDriver(connection)).enqueue(
            self.name, payload, self.priority, self.delay, self.key, on_conflict="skip"
        )
        return None if job_id is None else JobId(job_id)

    def bind(self, works_with: D) -> Bound:
        return Bound(self, works_with)

    def retry_delay(self, failures: int) -> dt.timedelta:
        """The backoff after this many failures."""
        return dt.timedelta(seconds=min(FIRST_RETRY_S * 2 ** (failures - 1), LONGEST_RETRY_S))


@dataclasses.dataclass(frozen=True)
class Bound:
    """A kind and the dependency of its function."""

    kind: Kind[Any, Any]
    works_with: Any

    async def run(self, payload: bytes | None) -> None:
        await self.kind.function(self.works_with, **msgspec.json.decode(payload or b"{}"))


def job(
    *, every: str = "", at_once: int = 1, priority: int = 0, attempts: int = ATTEMPTS
) -> Callable[[Callable[Concatenate[D, P], Awaitable[None]]], Kind[D, P]]:
    """Declare a kind of job; its name is that of the function.

    `every`: a cron expression in UTC; such a job has no arguments. `at_once`: concurrent jobs of this kind in all
    processes together. `priority`: higher first. `attempts`: failures after which the job is dead.
    """

    def kind_of(function: Callable[Concatenate[D, P], Awaitable[None]]) -> Kind[D, P]:
        name = getattr(function, "__name__")  # noqa: B009  a Callable has no name for mypy
        return Kind(function=function, name=name, every=every, at_once=at_once, priority=priority, attempts=attempts)

    return kind_of
