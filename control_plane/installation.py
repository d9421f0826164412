"""Which database this is, and what it was used for: compared at every start.

A restored backup is another incarnation: its stream logs continue with numbers that viewers have seen on other events. A dump carries where
it was made in its own row, so a restore is seen by the cluster, the timeline or the table differing; the file beside the secrets also shows
that another database stands in the place of the one before.
"""

from __future__ import annotations

import json
import logging
import secrets
from pathlib import Path

import asyncpg

from control_plane import private_file
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.errors import ControlPlaneError

log = logging.getLogger(__name__)

_TABLE = "select 'installation'::regclass::oid::bigint"
_SYSTEM = "select system_identifier::text from pg_control_system()"
_TIMELINE = "select timeline_id::text from pg_control_checkpoint()"
_READ = "select incarnation, seen, development_since is not null as development from installation for update"
_SEEN = "update installation set incarnation = $1, seen = $2"
_DEVELOPMENT = "update installation set development_since = coalesce(development_since, now())"
_NEW_EPOCHS = """
    update stream_log set epoch = substring(encode(uuid_send(gen_random_uuid()), 'hex') for 8) where not closed
"""


class UsedInDevelopment(ControlPlaneError):
    """Production was started on a database of development mode."""

    code = "used_in_development"

    def __init__(self) -> None:
        super().__init__(
            "This database was used in development mode, where anybody signs in as anybody and coins are free: its "
            "accounts and coins prove nothing. Point LIVE_DATABASE_URL or LIVE_DATA_DIR to a fresh one."
        )


class UnusableIncarnation(ControlPlaneError):
    """The file beside the secrets cannot be read or written."""

    code = "unusable_incarnation"


def file_beside(secrets_path: Path) -> Path:
    return secrets_path.with_name("incarnation.json")


async def check_mode(database: Database, *, dev: bool) -> None:
    """Development mode leaves its mark. Raises UsedInDevelopment where production finds that."""
    async with database.transaction() as connection:
        row = await connection.fetchrow(_READ)
        assert row is not None, "the migration makes the row"
        if dev:
            await connection.execute(_DEVELOPMENT)
        elif row["development"]:
            raise UsedInDevelopment


async def recognise(database: Database, path: Path) -> bool:
    """Whether the database is the one of the last start; the first start takes it as it is. Another one gets new epochs for its open logs, so
    that viewers who come back start from the snapshot. Raises UnusableIncarnation."""
    known = _load(path)
    async with database.transaction() as connection:
        row = await connection.fetchrow(_READ)
        assert row is not None, "the migration makes the row"
        seen = await _where(connection)
        found = {"incarnation": row["incarnation"], "seen": seen}
        same = row["seen"] in (None, seen) and known in (None, found)
        if not same:
            found["incarnation"] = secrets.token_hex(16)
            await connection.execute(_NEW_EPOCHS)
        await connection.execute(_SEEN, found["incarnation"], seen)
    if known != found:
        _store(path, found)
    if not same:
        log.warning("database_restored", extra={"incarnation": found["incarnation"]})
    return same


async def _where(connection: Connection) -> str:
    parts = [str(await connection.fetchval(_TABLE))]
    for question in (_SYSTEM, _TIMELINE):
        try:
            async with connection.transaction():
                parts.append(await connection.fetchval(question))
        except asyncpg.InsufficientPrivilegeError:  # some hosted databases
            parts.append("")
    return "/".join(parts)


def _load(path: Path) -> dict[str, str] | None:
    """None where there is no file yet."""
    try:
        content = json.loads(path.read_text())
        return {name: str(content[name]) for name in ("incarnation", "seen")}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise UnusableIncarnation(f"{path} cannot be read: delete it if it is damaged.") from None


def _store(path: Path, content: dict[str, str]) -> None:
    try:
        private_file.replace(path, json.dumps(content))
    except OSError as error:
        raise UnusableIncarnation(f"{path} cannot be written: {error.strerror}.") from None
