"""The worker: runs the jobs of the queue in this process, on its event loop, and enqueues the scheduled ones."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

from pgqueuer import QueueManager, RetryRequested, SchedulerManager
from pgqueuer.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.models import Context, Schedule
from pgqueuer.models import Job as PickedJob

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import JobId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.jobs import store
from control_plane.jobs.driver import RETRY_S, PatientDriver, PoolDriver
from control_plane.jobs.kind import Bound, Postponed
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.queue import NAMES, queries

log = logging.getLogger(__name__)

LOST_AFTER_S = 15.0
"""Heartbeat timeout: a running job is picked again when its worker has sent no heartbeat for this time. With POLL_S, the
jobs of a killed worker wait less than 30 s. Shorter: a pause of the database makes a job run twice at once."""
POLL_S = 5.0
"""Polling interval of the queue: for jobs of killed workers, and for what a cut LISTEN missed."""
SATURATED_POLL_S = 1.0
"""Polling interval while a due job waits for the limit of its kind. Its default, ten polls a second, is not needed: the
end of a job sends a notification."""
BATCH = 4
"""Jobs picked by one statement. More: a process takes jobs that another one could start earlier."""
AT_ONCE = 2 * BATCH
"""Concurrent jobs of this process, of all kinds. PgQueuer needs at least two batches. More: jobs delay calls, because they
share the event loop."""
PICKS = 5
"""A job is dead when so many workers were killed during one attempt: the job may be the cause."""

STOP_S = 2.0
"""Grace time of running jobs at a stop. Then they are interrupted, and run again at the next start."""
INTERRUPT_S = 1.0
"""Grace time of interrupted jobs, and of writing their results. With STOP_S and GIVE_UP_S it must fit into the ten
seconds of a stop."""
GIVE_UP_S = 1.0
"""Grace time of the queue after its statements were made to fail."""


class Outcome(StrEnum):
    DONE = "done"
    RETRIED = "retried"
    DEAD = "dead"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    POSTPONED = "postponed"


class JobFailed(Exception):
    """Replaces an error whose text cannot be stored."""


class WorkersKilled(ControlPlaneError):
    """Every worker that ran the job was killed, or lost the database, before the job ended."""

    code = "workers_killed"
    kind = ErrorKind.STOPS


class Worker:
    def __init__(
        self,
        database: Database,
        dsn: str,
        kinds: Sequence[Bound],
        metrics: JobMetrics,
        *,
        lost_after_s: float = LOST_AFTER_S,
        poll_s: float = POLL_S,
        stop_s: float = STOP_S,
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._metrics = metrics
        self._lost_after = dt.timedelta(seconds=lost_after_s)
        self._poll_s = poll_s
        self._stop_s = stop_s
        self._stopping = False
        self._running: dict[int, tuple[asyncio.Task[Any], Context]] = {}
        self.driver = PatientDriver(database, dsn)
        self._manager = QueueManager(queries(self.driver), channel=NAMES.channel)
        self._manager.min_dequeue_poll_interval = dt.timedelta(seconds=SATURATED_POLL_S)
        self._scheduler = SchedulerManager(queries(PoolDriver(database)))
        self._scheduler.shutdown = self._manager.shutdown
        for bound in kinds:
            self._manager.register_executor(bound.kind.name, _Executor(bound, self.execute))
            if bound.kind.every:
                self._scheduler.schedule(bound.kind.name, bound.kind.every)(self._enqueuing(bound))

    async def run(self) -> None:
        """Run until cancelled. Then running jobs have STOP_S to end, and are interrupted."""
        queue = asyncio.create_task(
            self._manager.run(
                dequeue_timeout=dt.timedelta(seconds=self._poll_s),
                batch_size=BATCH,
                max_concurrent_tasks=AT_ONCE,
                heartbeat_timeout=self._lost_after,
                log_aggregation_interval=dt.timedelta(0),
            ),
            name="jobs-queue",
        )
        around = [
            asyncio.create_task(self.driver.listen(), name="jobs-listen"),
            asyncio.create_task(self._follow_queue(), name="jobs-follow"),
        ]
        loops = [queue]
        if self._scheduler.registry:  # an empty one would poll every second
            loops.append(asyncio.create_task(self._schedule(), name="jobs-schedule"))
        try:
            done, _ = await asyncio.wait([*loops, *around], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._stop(loops)
            for task in around:
                task.cancel()
            await asyncio.gather(*around, return_exceptions=True)

    async def _stop(self, loops: Sequence[asyncio.Task[None]]) -> None:
        """Stop the queue and the scheduler within the grace times, even if jobs or the database hang. A job whose result
        could not be written is picked again after LOST_AFTER_S. A schedule that was cut off while it enqueued its job would
        stay picked, and be late by a minute or more after the next start."""
        self._stopping = True
        self._manager.shutdown.set()
        await asyncio.wait(loops, timeout=self._stop_s)
        for task, _ in self._running.values():
            task.cancel()
        await asyncio.wait(loops, timeout=INTERRUPT_S)
        self.driver.give_up()
        for loop in loops:
            loop.cancel()
        await asyncio.wait(loops, timeout=GIVE_UP_S)
        for loop in loops:
            if not loop.done():
                log.error("jobs_not_stopped", extra={"jobs": sorted(self._running)})
            elif not loop.cancelled():
                loop.exception()  # marks it as retrieved: a failure of the database during the stop

    async def execute(self, bound: Bound, job: PickedJob, context: Context) -> None:
        """Run a job. Raises RetryRequested to queue it again, and the job's error to keep it as a dead job."""
        task, clock = asyncio.current_task(), asyncio.get_running_loop().time
        assert task is not None, "an executor runs in a task"
        self._running[job.id] = task, context
        started = clock()
        try:
            outcome, error = await self._attempt(bound, job, context)
        finally:
            del self._running[job.id]
        self._metrics.ran(bound.kind.name, outcome.value, clock() - started)
        if outcome is Outcome.INTERRUPTED:
            task.uncancel()
        if error is not None:
            raise error

    async def _attempt(self, bound: Bound, job: PickedJob, context: Context) -> tuple[Outcome, Exception | None]:
        failure: Exception | None = None
        try:
            if await store.picks(self._database, JobId(job.id)) > PICKS:
                raise WorkersKilled(f"{PICKS} workers were killed, or lost the database, while they ran this job.")
            with context.cancellation:
                await self._run(bound, job)
        except asyncio.CancelledError:
            if self._stopping and not context.cancellation.cancel_called:
                return Outcome.INTERRUPTED, RetryRequested(reason="The worker was stopped.")
            failure = RuntimeError("The job awaited a task that was cancelled.")
        except Exception as error:
            failure = error
        about = {"job": job.id, "kind": bound.kind.name}
        if context.cancellation.cancel_called:
            log.info("job_cancelled", extra=about)
            return Outcome.CANCELLED, None
        if failure is None:
            return Outcome.DONE, None
        if isinstance(failure, Postponed):
            return Outcome.POSTPONED, RetryRequested(failure.delay, str(failure))
        failure = _storable(failure)
        failures = job.attempts + 1
        if failures >= bound.kind.attempts or isinstance(failure, WorkersKilled):
            log.error("job_dead", extra={**about, "why": str(failure)})
            return Outcome.DEAD, failure
        delay = bound.kind.retry_delay(failures)
        log.warning("job_retried", extra={**about, "why": str(failure), "in_s": delay.total_seconds()})
        retry = RetryRequested(delay, str(failure))
        retry.__cause__ = failure
        return Outcome.RETRIED, retry

    async def _run(self, bound: Bound, job: PickedJob) -> None:
        """The job, and the statement of a postponed one: a stop or a drop at that moment is handled as one during the job."""
        try:
            await bound.run(job.payload)
        except Postponed:
            with suppress(DatabaseUnavailable):  # then the attempt counts
                await store.give_way(self._database, JobId(job.id))
            raise

    async def _follow_queue(self) -> None:
        """Measure the queue, and cancel running jobs that an operator dropped, in case their notification was missed."""
        while True:
            with suppress(DatabaseUnavailable):
                self._metrics.queue([bound.kind.name for bound in self._kinds], await store.counts(self._database))
                if running := dict(self._running):
                    present = await store.present(self._database, running)
                    for job_id in running.keys() - present:
                        running[job_id][1].cancellation.cancel()
            await asyncio.sleep(self._poll_s)

    async def _schedule(self) -> None:
        """Run PgQueuer's scheduler, and restart it after each outage of the database. Its statements must not be retried:
        they compute the next time from the database's clock."""
        while not self._stopping:
            with suppress(DatabaseUnavailable):
                await self._scheduler.run()
            if not self._stopping:
                await asyncio.sleep(RETRY_S)

    def _enqueuing(self, bound: Bound) -> Callable[[Schedule], Awaitable[None]]:
        async def enqueue(schedule: Schedule) -> None:
            """Skipped while the previous job of this kind is waiting or running."""
            async with self._database.transaction() as connection:
                await bound.kind.set(key=f"schedule:{bound.kind.name}").enqueue(connection)

        return enqueue


class _Executor(AbstractEntrypointExecutor):
    """Runs the jobs of one kind for PgQueuer."""

    def __init__(self, bound: Bound, execute: Callable[[Bound, PickedJob, Context], Awaitable[None]]) -> None:
        async def run(job: PickedJob) -> None:
            await bound.run(job.payload)

        super().__init__(EntrypointExecutorParameters(bound.kind.at_once, run, on_failure="hold"))
        self._bound = bound
        self._execute = execute

    async def execute(self, job: PickedJob, context: Context) -> None:
        await self._execute(self._bound, job, context)


def _storable(error: Exception) -> Exception:
    """Replace an error whose text PostgreSQL's JSON cannot hold: NUL, or half of a surrogate pair. PgQueuer retries a
    failed write for ever, together with the results of other jobs."""
    text = "".join(traceback.format_exception(error))
    if text == _clean(text):
        return error
    return JobFailed(_clean(f"{type(error).__name__}: {error}")).with_traceback(error.__traceback__)


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
