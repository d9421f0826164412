"""Opens the database: acquires the lock of the only server, migrates, and checks secrets, mode and restores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.base.workers import Workers
from control_plane.config.secrets import Secrets
from control_plane.config.settings import Settings
from control_plane.db.fingerprints import check_against_database
from control_plane.db.migrate import migrate
from control_plane.db.only_server import OnlyServer
from control_plane.db.pool import Database, open_pool
from control_plane.observe.database import watch_database
from control_plane.observe.metrics import Metrics
from control_plane.operations import installation
from stagedoor.processes.children import Progress


@asynccontextmanager
async def database(
    dsn: str, settings: Settings, secrets: Secrets, workers: Workers, metrics: Metrics, progress: Progress
) -> AsyncIterator[Database]:
    """Raises AnotherServerRuns, DatabaseIsNewer, UnusableSecrets, UsedInDevelopment, NotInstalled, UnusableIncarnation
    and DatabaseUnavailable."""
    only = OnlyServer(dsn)
    try:
        await only.take()
        async with workers.running("only-server", only.keep()):
            await migrate(dsn, progress)
            pool = await open_pool(dsn, settings.database_pool)
            try:
                await check_against_database(secrets, pool)
                await installation.check_mode(pool, dev=settings.dev)
                noted_in = installation.file_of(settings.secrets_path, settings.data_dir)
                await installation.recognise(pool, noted_in)
                watch_database(metrics, pool)
                async with workers.running("installation", installation.keep(pool, noted_in)):
                    yield pool
            finally:
                await pool.close()
    finally:
        only.close()
