"""SQL of the job queue for operators and metrics: list, show, retry, drop and count jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from pgqueuer import AsyncpgDriver
from pgqueuer.domain.types import JobId as PgQueuerJobId

from control_plane.base.ids import JobId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.jobs.queue import queries

_COLUMNS = """
    job.id, job.entrypoint as kind, job.status::text as status, job.priority, job.attempts,
    coalesce(convert_from(job.payload, 'UTF8'), '{}') as arguments, job.created as created_at, job.execute_after as due_at,
    job.updated as changed_at
"""
_LATEST = f"""
    select {_COLUMNS} from pgqueuer job where $1::text is null or status::text = $1 order by id desc limit $2
"""
_GET = f"select {_COLUMNS} from pgqueuer job where id = $1"
_HISTORY = """
    select created as at, status::text as status, traceback ->> 'exception_message' as error, traceback ->> 'traceback' as traceback
    from pgqueuer_log where job_id = $1 order by id
"""
_IDS = "select id from pgqueuer where status = 'failed' order by id"
_COUNTS = """
    select entrypoint as kind, status::text as status, count(*) as number,
        greatest(max(extract(epoch from now() - execute_after)) filter (where status = 'queued'), 0)::float8 as late_s
    from pgqueuer group by entrypoint, status
"""
_PRESENT = "select id from pgqueuer where id = any($1)"
# Counts picks since the job was last queued. A worker that ends an attempt deletes the row, queues it again or marks it dead.
_PICKS = """
    select count(*) from pgqueuer_log
    where job_id = $1 and status = 'picked'
        and id > (select coalesce(max(id), 0) from pgqueuer_log where job_id = $1 and status = 'queued')
"""
# `attempts` never falls below -1, even if workers are killed again and again before the job is queued.
_GIVE_WAY = "update pgqueuer set attempts = greatest(attempts, 0) - 1, priority = priority - 1 where id = $1"
_DELETE_HISTORY = """
    delete from pgqueuer_log where id in (
        select log.id from pgqueuer_log log
        where created < now() - $1::interval and not exists (select from pgqueuer job where job.id = log.job_id)
        order by created limit $2
    )
"""


class State(StrEnum):
    WAITING = "waiting"
    """Due, or waiting for its time."""
    RUNNING = "running"
    DEAD = "dead"
    """Failed as often as its kind allows; kept until an operator retries or drops it."""


_STATES = {"queued": State.WAITING, "picked": State.RUNNING, "failed": State.DEAD}
_STATUSES = {state: status for status, state in _STATES.items()}


@dataclass(frozen=True, slots=True)
class Job:
    id: JobId
    kind: str
    state: State
    priority: int
    attempts: int
    """Failed attempts so far."""
    arguments: Mapping[str, Any]
    created_at: dt.datetime
    due_at: dt.datetime
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a job's history."""

    at: dt.datetime
    status: str
    error: str | None
    traceback: str | None


class Count(NamedTuple):
    kind: str
    state: State
    number: int
    late_s: float
    """Waiting time of the oldest due job."""


async def latest(database: Database, limit: int, state: State | None = None) -> Sequence[Job]:
    """Newest first."""
    status = None if state is None else _STATUSES[state]
    return [_job(row) for row in await database.fetch(_LATEST, status, limit)]


async def get(source: Connection | Database, job_id: JobId) -> Job | None:
    """None also for a finished job."""
    row = await source.fetchrow(_GET, job_id)
    return None if row is None else _job(row)


async def history(database: Database, job_id: JobId) -> Sequence[Step]:
    """Oldest first. Includes finished jobs, as long as their history is kept."""
    return [Step(**row) for row in await database.fetch(_HISTORY, job_id)]


async def dead(database: Database) -> Sequence[JobId]:
    return [row["id"] for row in await database.fetch(_IDS)]


async def counts(database: Database) -> Sequence[Count]:
    return [
        Count(row["kind"], _STATES[row["status"]], row["number"], row["late_s"])
        for row in await database.fetch(_COUNTS)
        if row["status"] in _STATES
    ]


async def retry(connection: Connection, job_id: JobId) -> bool:
    """Queue a dead job again, with all attempts. False if there is no dead job with this id."""
    job = await get(connection, job_id)
    if job is None or job.state is not State.DEAD:
        return False
    await queries(AsyncpgDriver(connection)).requeue_jobs([PgQueuerJobId(job_id)])
    return True


async def drop(connection: Connection, job_id: JobId) -> bool:
    """Delete a job; a running one is cancelled after the commit. False if it does not exist."""
    if await get(connection, job_id) is None:
        return False
    await queries(AsyncpgDriver(connection)).mark_job_as_cancelled([PgQueuerJobId(job_id)])
    return True


async def present(database: Database, job_ids: Collection[int]) -> set[int]:
    """Those of the jobs that still exist."""
    return {row["id"] for row in await database.fetch(_PRESENT, list(job_ids))}


async def picks(database: Database, job_id: JobId) -> int:
    """How many workers have started this attempt. More than one: a worker was killed, or counted as killed."""
    return int(await database.fetchval(_PICKS, job_id))


async def give_way(database: Database, job_id: JobId) -> None:
    """Take back the attempt that PgQueuer counts when the running job is queued again, and let jobs go first that were
    postponed less often: PgQueuer prefers the oldest of a priority."""
    await database.execute(_GIVE_WAY, job_id)


async def delete_history(database: Database, older_than: dt.timedelta, limit: int) -> int:
    """Delete the history of finished jobs. Returns the number of deleted rows, at most `limit`."""
    tag = await database.execute(_DELETE_HISTORY, older_than, limit)
    return int(tag.rpartition(" ")[2])


def _job(row: Row) -> Job:
    values = dict(row)
    state = _STATES[values.pop("status")]
    arguments = msgspec.json.decode(values.pop("arguments"))
    return Job(**values, state=state, arguments=arguments)
