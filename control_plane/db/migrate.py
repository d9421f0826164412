"""Schema migrations: numbered .sql files. Each is applied once, in one transaction with its version, under an advisory
lock."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.connections import Connection
from control_plane.db.pool import connect, unavailable_as_such

_LOCK = 0x57A6ED00
"""Key of the advisory lock. Must be the same in every release, so that two releases never migrate at the same time."""
_FILE = re.compile(r"([0-9]{4})_(\w+)\.sql")

_CREATE = """
    create table if not exists schema_migration (
        version integer primary key, name text not null, applied_at timestamptz not null default now())
"""
_VERSIONS = "select version from schema_migration"
_ANY = "select to_regclass('schema_migration') is not null"
_LATEST = "select coalesce(max(version), 0) from schema_migration"
_RECORD = "insert into schema_migration (version, name) values ($1, $2)"


class DatabaseIsNewer(ControlPlaneError):
    """The database was migrated by a newer release than this one."""

    code = "database_is_newer"
    kind = ErrorKind.STOPS


class DatabaseIsOlder(ControlPlaneError):
    """Migrations of this release have not been applied to the database."""

    code = "database_is_older"
    kind = ErrorKind.STOPS


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str


def migrations() -> Sequence[Migration]:
    folder = files("control_plane.db").joinpath("migrations")
    named = ((_FILE.fullmatch(entry.name), entry) for entry in folder.iterdir())
    found = [Migration(int(match[1]), match[2], entry.read_text()) for match, entry in named if match]
    return sorted(found, key=lambda migration: migration.version)


async def migrate(dsn: str, progress: Callable[[str], None] = lambda line: None) -> int:
    """Apply the pending migrations and return their number. Waits for another process that migrates at the same time.

    Raises DatabaseIsNewer and DatabaseUnavailable.
    """
    known = migrations()
    connection = await connect(dsn)
    try:
        with unavailable_as_such():
            await connection.execute("set lock_timeout = '60s'; set statement_timeout = '10min'")
            await connection.execute("select pg_advisory_lock($1)", _LOCK)
            await connection.execute(_CREATE)
            applied = {row["version"] for row in await connection.fetch(_VERSIONS)}
            _check_not_newer(max(applied, default=0))
            pending = [migration for migration in known if migration.version not in applied]
            for migration in pending:
                progress(f"migration {migration.version:04} {migration.name.replace('_', ' ')}")
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(_RECORD, migration.version, migration.name)
            return len(pending)
    finally:
        await connection.close(timeout=5)


async def check_schema(dsn: str) -> None:
    """Raise DatabaseIsOlder or DatabaseIsNewer unless the schema is this release's. Reads only."""
    connection = await connect(dsn)
    try:
        applied = await applied_version(connection)
    finally:
        await connection.close(timeout=5)
    _check_not_newer(applied)
    needed = migrations()[-1].version
    if applied < needed:
        state = f"has schema version {applied}, this release needs {needed}" if applied else "is empty"
        raise DatabaseIsOlder(f"The database {state}: start the server, or run `stagedoor migrate`.")


def _check_not_newer(applied: int) -> None:
    known = migrations()[-1].version
    if applied > known:
        raise DatabaseIsNewer(
            f"The database has schema version {applied}, this release knows {known}: "
            "start the newer release, or restore a backup from before the upgrade."
        )


async def applied_version(connection: Connection) -> int:
    """The version of the latest applied migration; 0 for a database that was never migrated. Reads only."""
    with unavailable_as_such():
        return int(await connection.fetchval(_LATEST)) if await connection.fetchval(_ANY) else 0
