"""Schema migrations: numbered .sql files. Each is applied once by the owner of the tables, in one transaction with its
version, under an advisory lock. Then the server's role gets its privileges."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.connections import Connection
from control_plane.db.pool import connect, unavailable_as_such
from control_plane.db.privileges import Dsns, grant, role_of

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


class NotTheOwner(ControlPlaneError):
    """The role that migrates may not change the tables."""

    code = "not_the_owner"
    kind = ErrorKind.STOPS

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The database role that migrates may not: {why}. It must own the tables and the database; see "
            "`docs/operations.md`, Database roles."
        )


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


async def update(dsns: Dsns, progress: Callable[[str], None] = lambda line: None) -> int:
    """Migrate as the owner and grant the server's role its privileges; returns the number of migrations.

    Without the owner's dsn, and as a role that does not own the tables, only check that the schema is this release's.
    Raises DatabaseIsNewer, DatabaseIsOlder, NotTheOwner and DatabaseUnavailable.
    """
    connection = await connect(dsns.server)
    try:
        with unavailable_as_such():
            role = await role_of(connection)
            if dsns.owner != dsns.server:  # the server's role may have no privileges yet: nothing is read as it
                return await migrate(dsns.owner, progress, role.name)
            is_empty = await applied_version(connection) == 0
    finally:
        await connection.close(timeout=5)
    if role.owns or is_empty:
        return await migrate(dsns.owner, progress)
    try:
        await check_schema(dsns.server)
    except DatabaseIsOlder as older:
        raise DatabaseIsOlder(
            f"{older} The role {role.name} does not own the tables: set LIVE_DATABASE_OWNER_URL for that."
        ) from None
    return 0


async def migrate(dsn: str, progress: Callable[[str], None] = lambda line: None, server_role: str | None = None) -> int:
    """Apply the pending migrations and return their number. Waits for another process that migrates at the same time.
    `dsn` is the owner's. `server_role`: another role than the owner, to which the privileges are granted.

    Raises DatabaseIsNewer, NotTheOwner and DatabaseUnavailable.
    """
    known = migrations()
    connection = await connect(dsn, setting="LIVE_DATABASE_OWNER_URL" if server_role else "LIVE_DATABASE_URL")
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
            if server_role not in (None, (await role_of(connection)).name):
                await grant(connection, server_role)
            return len(pending)
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotTheOwner(str(error)) from error
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
