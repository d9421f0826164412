"""Which database this is, and what it was used for: compared at every start, and every BEAT_S while a server runs.

A restored backup is another incarnation: its stream logs continue with numbers that viewers have seen on other events, and revocations that
came after the backup are lost. It is recognised by its place (cluster, timeline, table), which its own row and the file beside the secrets
both note, and by a counter that is behind the file's. A copy of everything, that file included, cannot be told from the original: then an
operator says so (`renew`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import asyncpg

from control_plane import audit, private_file
from control_plane.accounts import store as accounts
from control_plane.audit import Act, Actor, Subject
from control_plane.db.connections import Connection
from control_plane.db.pool import DEADLINE_S, Database, DatabaseUnavailable, Row
from control_plane.errors import ControlPlaneError
from control_plane.streams import store as streams

log = logging.getLogger(__name__)

BEAT_S = 10.0
"""A restore that loses less than this, into the same place, is not seen. Each beat is a small write to the database and to the file."""
LARGEST_BEAT = 1 << 62
"""The database's column takes twice as many. In a file that says more, something is damaged."""
RENEWAL_S = 600.0
"""Every user's row is written."""
SERVER = Actor("server")

_TABLE = "select 'installation'::regclass::oid::bigint"
_SYSTEM = "select system_identifier::text from pg_control_system()"
_TIMELINE = """
    select case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
        else ('x' || substring(pg_walfile_name(pg_current_wal_insert_lsn()) for 8))::bit(32)::int end::text
"""
"""Of the log that is written now. The newest checkpoint has the earlier one for a moment after a promotion."""
_READ = "select incarnation, earlier, seen, beat, development_since from installation for update"
_NEW_INCARNATION = "update installation set earlier = earlier || incarnation, incarnation = $1"
_NOTE = "update installation set seen = $1, beat = $2"
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
            "accounts and coins prove nothing. `stagedoor database production` removes what development mode gave out; or "
            "point LIVE_DATABASE_URL or LIVE_DATA_DIR to a fresh one."
        )


class UnusableIncarnation(ControlPlaneError):
    """The file beside the secrets cannot be read or written."""

    code = "unusable_incarnation"


class NotInstalled(ControlPlaneError):
    """A restore is under way, or has brought the tables without their rows."""

    code = "not_installed"

    def __init__(self) -> None:
        super().__init__(
            "The database does not say which one it is: its table `installation` has no row. Restore it completely."
        )


class DatabaseReplaced(ControlPlaneError):
    """What this process remembers is of another database."""

    code = "database_replaced"

    def __init__(self) -> None:
        super().__init__("The database was restored or replaced while the server ran. Start the server again.")


class Found(StrEnum):
    SAME = "same"
    PROMOTED = "promoted"
    """On another timeline, with nothing missing: a standby took over. It may lack the last events."""
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Noted:
    """What the database and the file both say of the last beat."""

    incarnation: str
    seen: str
    beat: int


@dataclass(frozen=True, slots=True)
class Renewed:
    users: int
    """Whose sessions ended."""
    streams: int
    """Whose keys were revoked."""


def file_of(secrets_path: Path, data_dir: Path) -> Path:
    """Beside the secrets, or where their folder is mounted read-only, in the data directory."""
    return (secrets_path.parent if os.access(secrets_path.parent, os.W_OK) else data_dir) / "incarnation.json"


async def check_mode(database: Database, *, dev: bool) -> None:
    """Development mode leaves its mark. Raises UsedInDevelopment where production finds that."""
    async with database.transaction() as connection:
        row = await read(connection)
        if dev:
            await connection.execute(_DEVELOPMENT)
        elif row["development_since"] is not None:
            raise UsedInDevelopment


async def read(connection: Connection) -> Row:
    """The row, locked. Raises NotInstalled."""
    try:
        row = await connection.fetchrow(_READ)
    except asyncpg.UndefinedTableError:
        raise NotInstalled from None
    if row is None:
        raise NotInstalled
    return row


async def recognise(database: Database, path: Path, *, running: bool = False) -> Found:
    """Compare, note where it is now, and after a restore renew what must not continue; `running`: raise DatabaseReplaced instead, and leave that
    to the next start. Raises UnusableIncarnation, NotInstalled."""
    known = await asyncio.to_thread(_load, path)
    async with database.transaction(DEADLINE_S if running else RENEWAL_S) as connection:
        row = await read(connection)
        place = await _place(connection)
        found = _compare(row, place, known)
        incarnation = row["incarnation"]
        if found is Found.RESTORED:
            if running:
                raise DatabaseReplaced
            incarnation, _ = await _renew(connection, SERVER, Act.DATABASE_RESTORED)
        elif found is Found.PROMOTED:
            await connection.execute(_NEW_EPOCHS)
        noted = Noted(incarnation, place, max(row["beat"], known.beat if known else 0) + 1)
        await connection.execute(_NOTE, noted.seen, noted.beat)
    await asyncio.to_thread(_store, path, noted)
    if found is not Found.SAME:
        what = "database_restored" if found is Found.RESTORED else "database_promoted"
        log.warning(what, extra={"incarnation": incarnation})
    return found


async def renew(database: Database, path: Path, actor: Actor, *, keep_sessions: bool = False) -> Renewed:
    """An operator says that this database was restored; with `keep_sessions`, that nothing was lost. While no server runs. Raises
    UnusableIncarnation, NotInstalled."""
    async with database.transaction(RENEWAL_S) as connection:
        row = await read(connection)
        incarnation, renewed = await _renew(connection, actor, Act.DATABASE_RENEWED, keep_sessions=keep_sessions)
        noted = Noted(incarnation, await _place(connection), row["beat"] + 1)
        await connection.execute(_NOTE, noted.seen, noted.beat)
    await asyncio.to_thread(_store, path, noted)
    return renewed


async def keep(database: Database, path: Path, beat_s: float = BEAT_S) -> None:
    """Until cancelled. Raises DatabaseReplaced and NotInstalled when the database is another one by now."""
    while True:
        await asyncio.sleep(beat_s)
        try:
            await recognise(database, path, running=True)
        except (DatabaseUnavailable, UnusableIncarnation) as error:
            log.warning("installation_not_noted", extra={"reason": str(error)})


def _compare(row: Row, place: str, known: Noted | None) -> Found:
    if known is not None and (
        known.beat > row["beat"] or known.incarnation not in (row["incarnation"], *row["earlier"])
    ):
        return Found.RESTORED
    places = {place, row["seen"] or place}
    if known is not None and known.incarnation == row["incarnation"]:  # else the file is of another machine, and old
        places.add(known.seen)
    if len(places) == 1:
        return Found.SAME
    same_but_for_timeline = len({seen.rpartition("/")[0] for seen in places}) == 1
    return Found.PROMOTED if known is not None and same_but_for_timeline else Found.RESTORED


async def _renew(connection: Connection, actor: Actor, act: Act, *, keep_sessions: bool = False) -> tuple[str, Renewed]:
    incarnation = secrets.token_hex(16)
    await connection.execute("set local statement_timeout = '10min'")
    await connection.execute(_NEW_INCARNATION, incarnation)
    await connection.execute(_NEW_EPOCHS)
    renewed = Renewed(0, 0)
    if not keep_sessions:
        renewed = Renewed(await accounts.revoke_every_session(connection), await streams.revoke_every_key(connection))
    subject = Subject(f"database:{incarnation}")
    await audit.record(connection, actor, act, subject, sessions_of=renewed.users, keys_of=renewed.streams)
    return incarnation, renewed


async def _place(connection: Connection) -> str:
    parts = [str(await connection.fetchval(_TABLE))]
    for question in (_SYSTEM, _TIMELINE):
        try:
            async with connection.transaction():
                parts.append(await connection.fetchval(question))
        except asyncpg.InsufficientPrivilegeError:  # some hosted databases
            parts.append("")
    return "/".join(parts)


def _load(path: Path) -> Noted | None:
    """None where there is no file yet."""
    try:
        content = json.loads(path.read_text())
        noted = Noted(str(content["incarnation"]), str(content["seen"]), int(content.get("beat", 0)))
        if not 0 <= noted.beat < LARGEST_BEAT:
            raise ValueError(noted.beat)
        return noted
    except FileNotFoundError:
        return None
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError):
        raise UnusableIncarnation(
            f"{path} cannot be read. If it is damaged, `stagedoor database renew` writes it again."
        ) from None


def _store(path: Path, noted: Noted) -> None:
    try:
        private_file.replace(path, json.dumps(asdict(noted)))
    except OSError as error:
        raise UnusableIncarnation(f"{path} cannot be written: {error.strerror}.") from None
