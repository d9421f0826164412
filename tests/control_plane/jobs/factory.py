"""Workers, and kinds of jobs that write marks to a table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from control_plane.base.ids import JobId
from control_plane.db.pool import Database
from control_plane.jobs.kind import Kind, job
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.worker import Worker
from control_plane.observe.metrics import Metrics
from tests.waiting import in_background

MARKS = """
    create table mark (id bigint generated always as identity primary key, text text not null);
    grant select, insert on mark to stagedoor
"""


@dataclass
class Factory:
    """What the jobs of these tests work with."""

    database: Database
    begun: list[str] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: int = 0
    error: Exception = field(default_factory=lambda: RuntimeError("the machine is broken"))

    async def begin(self, name: str) -> None:
        self.begun.append(name)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)

    async def mark(self, text: str) -> None:
        await self.database.execute("insert into mark (text) values ($1)", text)

    async def marks(self) -> list[str]:
        return [row["text"] for row in await self.database.fetch("select text from mark order by id")]


@job()
async def make(factory: Factory, name: str = "") -> None:
    """One at a time."""
    await factory.begin(name)
    await factory.mark(name)
    factory.running -= 1


@job(at_once=2)
async def hold(factory: Factory, name: str = "") -> None:
    """Until the gate opens."""
    await factory.begin(name)
    try:
        await factory.gate.wait()
        await factory.mark(name)
    finally:
        factory.running -= 1


@job(attempts=3)
async def fail(factory: Factory, name: str = "") -> None:
    factory.begun.append(name)
    if factory.fails:
        factory.fails -= 1
        raise factory.error
    await factory.mark(name)


KINDS: list[Kind[Factory, [str]]] = [make, hold, fail]


@asynccontextmanager
async def worker(
    database: Database,
    dsn: str,
    factory: Factory,
    kinds: list[Any] | None = None,
    metrics: Metrics | None = None,
    **options: Any,
) -> AsyncIterator[Worker]:
    options = {"poll_s": 0.2, "lost_after_s": 5.0, "stop_s": 0.2, **options}
    made = Worker(
        database, dsn, [kind.bind(factory) for kind in kinds or KINDS], JobMetrics(metrics or Metrics()), **options
    )
    async with in_background(made.run()):
        async with asyncio.timeout(10):
            await made.driver.listening.wait()
        yield made


async def add(database: Database, kind: Kind[Factory, [str]], name: str = "", **options: Any) -> JobId:
    async with database.transaction() as connection:
        job_id = await kind.set(**options).enqueue(connection, name)
    assert job_id is not None
    return job_id


async def is_empty(database: Database) -> bool:
    return not await database.fetchval("select count(*) from pgqueuer")
