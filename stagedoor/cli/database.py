"""`stagedoor migrate`, and the database connection of every other command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from control_plane.config.settings import Settings, load
from control_plane.db import migrate as migrations
from control_plane.db.embedded import EmbeddedPostgres, running_dsn
from control_plane.db.pool import Database, open_pool
from stagedoor.cli import terminal
from stagedoor.cli.terminal import out, progress


def migrate() -> None:
    """Migrate the database to this release's schema."""
    settings = load()

    async def apply_migrations() -> None:
        async with reachable(settings) as dsn:
            applied = await migrations.migrate(dsn, progress)
            out.print(f"{applied} migration{'' if applied == 1 else 's'} applied." if applied else "Nothing to do.")

    terminal.run(apply_migrations())


def with_database(work: Callable[[Database, Settings], Awaitable[None]]) -> None:
    settings = load()

    async def connected() -> None:
        async with reachable(settings) as dsn, migrated(dsn) as database:
            await work(database, settings)

    terminal.run(connected())


@asynccontextmanager
async def migrated(dsn: str) -> AsyncIterator[Database]:
    await migrations.migrate(dsn, progress)
    database = await open_pool(dsn, 2)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def reachable(settings: Settings) -> AsyncIterator[str]:
    """The dsn of the configured or running database. If none runs, the embedded one is started for the time of the
    command."""
    if settings.database_url:
        yield settings.database_url
        return
    if running := running_dsn(settings.data_dir):
        yield running
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        yield await postgres.start(progress)
    finally:
        await postgres.stop()
