"""Opens the database: acquires the lock of the only server, migrates, and checks secrets, mode and restores."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.base.workers import Workers
from control_plane.config.secrets import Secrets
from control_plane.config.settings import Settings
from control_plane.db.fingerprints import check_against_database
from control_plane.db.migrate import update
from control_plane.db.only_server import OnlyServer
from control_plane.db.pool import Database, open_pool
from control_plane.db.privileges import Dsns, role_of
from control_plane.observe.database import watch_database
from control_plane.observe.metrics import Metrics
from control_plane.operations import installation
from stagedoor.processes.children import Progress

log = logging.getLogger(__name__)


@asynccontextmanager
async def database(
    dsns: Dsns, settings: Settings, secrets: Secrets, workers: Workers, metrics: Metrics, progress: Progress
) -> AsyncIterator[Database]:
    """Raises AnotherServerRuns, DatabaseIsNewer, DatabaseIsOlder, NotTheOwner, UnusableSecrets, UsedInDevelopment,
    NotInstalled, UnusableIncarnation and DatabaseUnavailable."""
    only = OnlyServer(dsns.server)
    try:
        await only.take()
        async with workers.running("only-server", only.keep()):
            await update(dsns, progress)
            pool = await open_pool(dsns.server, settings.database_pool)
            try:
                await _warn_of_an_owner(pool)
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


async def _warn_of_an_owner(pool: Database) -> None:
    async with pool.connection() as connection:
        role = await role_of(connection)
    if role.owns:
        log.warning(
            "database_role_owns_tables",
            extra={"role": role.name, "advice": "set LIVE_DATABASE_OWNER_URL (docs/operations.md, Database roles)"},
        )
