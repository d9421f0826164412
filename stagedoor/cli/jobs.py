"""`stagedoor jobs`: list, show, retry and drop background jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import JobId
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.audit import Act, Subject, record
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, columns, out

LARGEST = 2**63 - 1

AnyJob = Annotated[int, typer.Argument(min=1, max=LARGEST, help="Id, as shown by `stagedoor jobs list`.")]
Jobs = Annotated[
    list[int] | None,
    typer.Argument(min=1, max=LARGEST, help="Ids, as shown by `stagedoor jobs list`.", show_default=False),
]
AllDead = Annotated[bool, typer.Option("--dead", help="All dead jobs.")]


class JobNotFound(ControlPlaneError):
    code = "job_not_found"
    kind = ErrorKind.STOPS


# Each command imports the queue itself: the import is slow, and other commands do not need it.


def list_jobs(
    dead: Annotated[bool, typer.Option("--dead", help="Only jobs that failed for good.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of jobs.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the waiting, running and dead jobs, newest first. Finished jobs are not listed."""
    from control_plane.jobs import store

    async def print_jobs(database: Database, settings: Settings) -> None:
        jobs = await store.latest(database, limit, store.State.DEAD if dead else None)
        if as_json:
            typer.echo(msgspec.json.encode(jobs))
            return
        table = columns("id", "kind", "state", "attempts", "due", "arguments")
        for job in jobs:
            arguments = " ".join(f"{name}={value}" for name, value in job.arguments.items())
            due = f"{job.due_at:%Y-%m-%d %H:%M:%S} UTC"
            table.add_row(str(job.id), job.kind, job.state.value, str(job.attempts), due, arguments)
        out.print(
            table if jobs else "There are no dead jobs." if dead else "The queue is empty.",
            highlight=False,
            markup=False,
        )

    with_database(print_jobs)


def show(job_id: AnyJob, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show a job with its history and the tracebacks of its failures. Finished jobs are kept for 14 days."""
    from control_plane.jobs import store

    async def print_job(database: Database, settings: Settings) -> None:
        job = await store.get(database, JobId(job_id))
        steps = await store.history(database, JobId(job_id))
        if job is None and not steps:
            raise JobNotFound(f"There is no job {job_id}.")
        if as_json:
            typer.echo(msgspec.json.encode({"job": job, "history": steps}))
            return
        if job is not None:
            arguments = msgspec.json.encode(job.arguments).decode()
            typer.echo(
                f"{job.kind} {arguments}, {job.state.value}, priority {job.priority}, due {job.due_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        for step in steps:
            typer.echo(f"{step.at:%Y-%m-%d %H:%M:%S} UTC {step.status}{f': {step.error}' if step.error else ''}")
            if step.traceback:
                typer.echo(step.traceback)

    with_database(print_job)


def retry(job_ids: Jobs = None, dead: AllDead = False) -> None:
    """Run dead jobs again, with all attempts."""
    from control_plane.jobs import store

    _check(job_ids, dead)

    async def retry_jobs(database: Database, settings: Settings) -> None:
        for job_id in await _chosen(database, job_ids, dead):
            async with database.transaction() as connection:
                if not await store.retry(connection, job_id):
                    raise JobNotFound(f"There is no dead job {job_id}.")
                await record(connection, actor(), Act.JOB_RETRIED, _subject(job_id))
            out.print(f"Job {job_id} will run again.")

    with_database(retry_jobs)


def drop(job_ids: Jobs = None, dead: AllDead = False) -> None:
    """Delete jobs. Running jobs are cancelled."""
    from control_plane.jobs import store

    _check(job_ids, dead)

    async def drop_jobs(database: Database, settings: Settings) -> None:
        for job_id in await _chosen(database, job_ids, dead):
            async with database.transaction() as connection:
                job = await store.get(connection, job_id)
                if job is None or not await store.drop(connection, job_id):
                    raise JobNotFound(f"There is no job {job_id} in the queue.")
                await record(connection, actor(), Act.JOB_DROPPED, _subject(job_id), kind=job.kind)
            out.print(f"Job {job_id} has been deleted.")

    with_database(drop_jobs)


def _check(job_ids: list[int] | None, dead: bool) -> None:
    if bool(job_ids) == dead:
        raise typer.BadParameter("Give the ids of jobs, or --dead for all dead jobs.")


async def _chosen(database: Database, job_ids: list[int] | None, dead: bool) -> Sequence[JobId]:
    from control_plane.jobs import store

    return await store.dead(database) if dead else [JobId(job_id) for job_id in job_ids or []]


def _subject(job_id: JobId) -> Subject:
    return Subject(f"job:{job_id}")


COMMANDS: Commands = {"list": list_jobs, "show": show, "retry": retry, "drop": drop}
