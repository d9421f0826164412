"""Roles of the embedded database: set up once, also in a cluster of an earlier release, where one superuser did all.

- `postgres`, the superuser: no one can sign in as it once the roles are set up.
- `stagedoor_owner` owns the tables and migrates. Its password is in a file of mode 0600 in the data directory.
- `stagedoor`, the server's own role, which commands use too. It needs no password: only our user can open the folder of
  the socket.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from control_plane.base import private_file
from control_plane.db.connections import Connection
from control_plane.db.embedded.home import Home, dsn_of

SUPERUSER = "postgres"
OWNER = "stagedoor_owner"
SERVER = "stagedoor"
DATABASE = "stagedoor"

_RENAMER = "stagedoor_renamer"
_OPEN_RULES = "local all all trust\n"
_RULES = f"""\
# Written by Stagedoor, which replaces any other content at its next start.
# SHA-256 of the owner's password file: {{digest}}
local all {SERVER} trust
local all {OWNER} scram-sha-256
"""
_DEADLINE_S = 10.0
_RECOVERY_S = 60.0
"""Longer: a start on a standby, which cannot be written to, fails later. Shorter: that on a restored backup fails."""
_POLL_S = 0.05

_CREATE = """
    do $$
    begin
        if to_regrole('{role}') is null then
            create role {role};
        end if;
    end $$;
    alter role {role} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
"""
_TAKE_OVER = """
    do $$
    declare
        one record;
    begin
        for one in
            select format('alter table %s owner to stagedoor_owner', oid::regclass) as statement from pg_class relation
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S')
                and not exists (
                    select from pg_depend where objid = relation.oid and classid = 'pg_class'::regclass and deptype in ('a', 'i', 'e'))
            union all
            select format('alter routine %s owner to stagedoor_owner', oid::regprocedure) from pg_proc
            where pronamespace = 'public'::regnamespace
            union all
            select format('alter type %s owner to stagedoor_owner', oid::regtype) from pg_type
            where typnamespace = 'public'::regnamespace and typtype in ('e', 'd', 'r')
        loop
            execute one.statement;
        end loop;
    end $$
"""


def owner_file(data_dir: Path) -> Path:
    """The password of the owner, in the format of libpq's password files."""
    return data_dir / "postgres-owner.pgpass"


def are_set_up(home: Home) -> bool:
    """Also false when cluster and password file come from different backups."""
    try:
        return (home.cluster / "pg_hba.conf").read_text() == _rules(owner_file(home.data_dir).read_text())
    except FileNotFoundError:
        return False


def open_to_set_up(home: Home) -> None:
    """Let every role in, before the server starts, for `set_up`. Until then only our user can open the socket."""
    _write_rules(home, _OPEN_RULES)


async def set_up(home: Home, socket_dir: Path) -> None:
    """Make the roles and the database, and let only the server's role and the owner in. Can be repeated."""
    await _name_superuser(socket_dir)
    password = secrets.token_urlsafe(32)
    async with _connected(socket_dir, SUPERUSER, "postgres") as connection:
        await connection.execute("set log_min_error_statement = panic")  # a statement below holds the password
        await connection.execute(f"drop role if exists {_RENAMER}")
        for role in (OWNER, SERVER):
            await connection.execute(_CREATE.format(role=role))
        await connection.execute(f"alter role {OWNER} password '{password}'")
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE}")
        await connection.execute(f"alter database {DATABASE} owner to {OWNER}")
    async with _connected(socket_dir, SUPERUSER, DATABASE) as connection:
        await connection.execute(_TAKE_OVER)
        line = f"*:*:*:{OWNER}:{password}\n"
        private_file.replace(owner_file(home.data_dir), line)
        _write_rules(home, _rules(line))
        await connection.execute("select pg_reload_conf()")


async def _name_superuser(socket_dir: Path) -> None:
    """Rename the superuser of an earlier release, which had the name of the server's role. No role can rename itself,
    so another one does."""
    try:
        async with _connected(socket_dir, SUPERUSER, "postgres") as connection:
            await _writable(connection)
            return
    except asyncpg.InvalidAuthorizationSpecificationError:
        pass
    async with _connected(socket_dir, SERVER, "postgres") as connection:
        await _writable(connection)
        if not await connection.fetchval("select to_regrole($1) is not null", _RENAMER):
            await connection.execute(f"create role {_RENAMER} superuser login")
    async with _connected(socket_dir, _RENAMER, "postgres") as connection:
        await connection.execute(f"alter role {SERVER} rename to {SUPERUSER}")


async def _writable(connection: Connection) -> None:
    """Return when a recovery from a backup has ended, or after _RECOVERY_S."""
    until = time.monotonic() + _RECOVERY_S
    while time.monotonic() < until:
        if not await connection.fetchval("select pg_is_in_recovery()"):
            return
        await asyncio.sleep(_POLL_S)


def _rules(password_file: str) -> str:
    return _RULES.format(digest=hashlib.sha256(password_file.encode()).hexdigest())


def _write_rules(home: Home, rules: str) -> None:
    private_file.replace(home.cluster / "pg_hba.conf", rules, home.account)


@asynccontextmanager
async def _connected(socket_dir: Path, role: str, database: str) -> AsyncIterator[Connection]:
    connection: Connection = await asyncpg.connect(
        dsn_of(socket_dir, role, database), timeout=_DEADLINE_S, command_timeout=_DEADLINE_S
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=_DEADLINE_S)
