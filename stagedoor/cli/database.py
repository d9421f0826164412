"""`stagedoor migrate`, and the database connection of every other command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.loading import load
from control_plane.config.settings import Settings
from control_plane.db import migrate as migrations
from control_plane.db.embedded import EmbeddedPostgres, has_database, running_dsns
from control_plane.db.pool import Database, open_pool
from control_plane.db.privileges import Dsns, configured_dsns
from stagedoor.cli import terminal
from stagedoor.cli.terminal import out, progress


class NoDatabase(ControlPlaneError):
    """The data directory has no embedded database yet. Commands do not make one: a mistyped directory would get it."""

    code = "no_database"
    kind = ErrorKind.STOPS


def migrate() -> None:
    """Migrate the database to this release's schema. Makes an embedded one if there is none."""
    settings = load()

    async def apply_migrations() -> None:
        async with reachable(settings, may_make=True) as dsns:
            applied = await migrations.update(dsns, progress)
            out.print(f"{applied} migration{'' if applied == 1 else 's'} applied." if applied else "Nothing to do.")

    terminal.run(apply_migrations())


def with_database(work: Callable[[Database, Settings], Awaitable[None]]) -> None:
    """Run `work` on the database, which must be there with this release's schema. Raises NoDatabase, DatabaseIsOlder
    and DatabaseIsNewer."""
    settings = load()

    async def connected() -> None:
        async with reachable(settings) as dsns, opened(dsns.server) as database:
            await work(database, settings)

    terminal.run(connected())


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    await migrations.check_schema(dsn)
    database = await open_pool(dsn, 2)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def reachable(settings: Settings, *, may_make: bool = False) -> AsyncIterator[Dsns]:
    """The dsns of the configured or running database. An embedded one that does not run is started for the time of the
    command. Raises NoDatabase when there is none and `may_make` is false."""
    if configured := configured_dsns(settings):
        yield configured
        return
    if running := running_dsns(settings.data_dir):
        yield running
        return
    if not may_make and not has_database(settings.data_dir):
        raise NoDatabase(
            f"There is no database in {settings.data_dir.absolute()}. `stagedoor run` makes one at its first start. To "
            "use another one, set LIVE_DATA_DIR or LIVE_DATABASE_URL as for the server."
        )
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        await postgres.start(progress)
        yield postgres.dsns
    finally:
        await postgres.stop()
