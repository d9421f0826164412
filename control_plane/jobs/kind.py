"""Kinds of background jobs: `@job` makes one of a function.

The function's first parameter is what it works with, bound where the worker is opened. Its other parameters are the job's arguments: they are
stored as JSON with the job, so they are ids and plain values, and never secrets. A job may run more than once (a worker was killed, a result
was lost with the database), so the function must be idempotent.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import msgspec
from pgqueuer import AsyncpgDriver

from control_plane.base.ids import JobId
from control_plane.db.connections import Connection
from control_plane.jobs.queue import queries

D = TypeVar("D")
P = ParamSpec("P")

ATTEMPTS = 10
"""With the waits between them, a job that keeps failing is dead after about two hours."""
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 3600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind(Generic[D, P]):
    """What all jobs of a kind have in common."""

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
        """For the jobs that are enqueued through the returned kind. `delay`: not before. `key`: no second job while one with this key is
        waiting or running."""
        return dataclasses.replace(self, delay=delay, key=key, priority=self.priority if priority is None else priority)

    async def enqueue(self, connection: Connection, *args: P.args, **kwargs: P.kwargs) -> JobId | None:
        """In the caller's transaction: the job exists if and only if that commits. None where a job with the same key exists.

        The transaction's COMMIT sends a notification, which serialises commits across the server: not for a path as busy as gifts.
        """
        # The position of the first parameter is held by None: what a job works with is bound by the worker.
        arguments = inspect.signature(self.function).bind(None, *args, **kwargs).arguments
        payload = msgspec.json.encode(dict(list(arguments.items())[1:]))
        (job_id,) = await queries(AsyncpgDriver(connection)).enqueue(
            self.name, payload, self.priority, self.delay, self.key, on_conflict="skip"
        )
        return None if job_id is None else JobId(job_id)

    def bind(self, works_with: D) -> Bound:
        return Bound(self, works_with)

    def retry_delay(self, failures: int) -> dt.timedelta:
        """How long to wait after this many failures: doubled with each."""
        return dt.timedelta(seconds=min(FIRST_RETRY_S * 2 ** (failures - 1), LONGEST_RETRY_S))


@dataclasses.dataclass(frozen=True)
class Bound:
    """A kind together with what its jobs work with."""

    kind: Kind[Any, Any]
    works_with: Any

    async def run(self, payload: bytes | None) -> None:
        await self.kind.function(self.works_with, **msgspec.json.decode(payload or b"{}"))


def job(
    *, every: str = "", at_once: int = 1, priority: int = 0, attempts: int = ATTEMPTS
) -> Callable[[Callable[Concatenate[D, P], Awaitable[None]]], Kind[D, P]]:
    """Make a kind of a coroutine function, named like it.

    `every`: a cron expression in UTC; such a job has no arguments. `at_once`: how many run at the same time, in all processes together.
    `priority`: higher ones first. `attempts`: after so many failures the job is dead.
    """

    def kind_of(function: Callable[Concatenate[D, P], Awaitable[None]]) -> Kind[D, P]:
        name = getattr(function, "__name__")  # noqa: B009  a Callable has no name for mypy
        return Kind(function=function, name=name, every=every, at_once=at_once, priority=priority, attempts=attempts)

    return kind_of
