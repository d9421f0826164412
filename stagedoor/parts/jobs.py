"""Background jobs: the worker of this process, with every kind of job that there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.accounts.bundle import Accounts
from control_plane.accounts.codes.delivery import CodeDelivery, delete_old_codes, deliver_code
from control_plane.accounts.old_devices import delete_old_devices
from control_plane.base.workers import Workers
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.eventlog.retention import Retention, delete_old_events
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.upkeep import delete_old_history
from control_plane.jobs.worker import Worker
from control_plane.observe.metrics import Metrics
from control_plane.streams.bundle import Streams
from control_plane.streams.probing.thumbnails import delete_old_thumbnails


@asynccontextmanager
async def jobs(
    dsn: str,
    settings: Settings,
    database: Database,
    streams: Streams,
    accounts: Accounts,
    metrics: Metrics,
    workers: Workers,
) -> AsyncIterator[None]:
    kinds = [
        delete_old_thumbnails.bind(streams.prober.thumbnails),
        delete_old_events.bind(Retention(database, settings.event_log_days)),
        delete_old_history.bind(database),
        deliver_code.bind(CodeDelivery(accounts.codes, accounts.messenger)),
        delete_old_codes.bind(accounts.codes),
        delete_old_devices.bind(database),
    ]
    async with workers.running("jobs", Worker(database, dsn, kinds, JobMetrics(metrics)).run()):
        yield
