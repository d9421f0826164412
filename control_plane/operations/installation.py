"""Detects a restored, copied or promoted database, and one used in development mode. Checked at every start and every
BEAT_S.

A restored backup is a new incarnation: its stream logs would reuse sequence numbers that viewers have seen on other
events, and revocations made after the backup are lost. Two things reveal a restore. The place of the database (cluster,
timeline, table) differs from the place that its own row and the file beside the secrets recorded; or the counter in its
row is behind the counter in the file. If the file was restored too, nothing differs: then an operator has to declare
the restore (`renew`).
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

from control_plane.accounts import session_store
from control_plane.base import private_file
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.connections import Connection
from control_plane.db.pool import DEADLINE_S, Database, DatabaseUnavailable, Row
from control_plane.eventlog import store as eventlog
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor, Subject
from control_plane.streams import store as streams

log = logging.getLogger(__name__)

BEAT_S = 10.0
"""A restore into the same place that loses less than this goes undetected, so longer detects less. Shorter writes to
the database and to the file more often."""
LARGEST_BEAT = 1 << 62
"""The database's column holds twice as many. A file with a larger number is damaged."""
RENEWAL_S = 600.0
"""Deadline of a renewal, which writes every user's row. Shorter: a large database can never be renewed."""
SERVER = Actor("server")

_TABLE = "select 'installation'::regclass::oid::bigint"
_SYSTEM = "select system_identifier::text from pg_control_system()"
_TIMELINE = """
    select case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
        else ('x' || substring(pg_walfile_name(pg_current_wal_insert_lsn()) for 8))::bit(32)::int end::text
"""
"""The timeline of the WAL that is written now. After a promotion, the newest checkpoint still has the old timeline for
a moment."""
_READ = "select incarnation, earlier, seen, beat, development_since from installation for update"
_NEW_INCARNATION = "update installation set earlier = earlier || incarnation, incarnation = $1"
_NOTE = "update installation set seen = $1, beat = $2"
_DEVELOPMENT = "update installation set development_since = coalesce(development_since, now())"


class UsedInDevelopment(ControlPlaneError):
    """Production was started on a database that development mode used."""

    code = "used_in_development"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__(
            "This database was used in development mode, where sign-in needs no proof and coins are free. Run "
            "`stagedoor database production` to prepare it for production, or set LIVE_DATABASE_URL or "
            "LIVE_DATA_DIR to a fresh database."
        )


class UnusableIncarnation(ControlPlaneError):
    """`incarnation.json` cannot be read or written."""

    code = "unusable_incarnation"
    kind = ErrorKind.STOPS


class NotInstalled(ControlPlaneError):
    """The table `installation` is missing or empty: a restore is in progress, or restored the tables without their
    rows."""

    code = "not_installed"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__(
            "The database cannot be identified: its table `installation` has no row. Restore it completely."
        )


class DatabaseReplaced(ControlPlaneError):
    """The state in this process's memory belongs to another database."""

    code = "database_replaced"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__("The database was restored or replaced while the server ran. Start the server again.")


class Found(StrEnum):
    SAME = "same"
    PROMOTED = "promoted"
    """Only the timeline differs: a standby was promoted. It may lack the last events."""
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Noted:
    """The last beat, as recorded in both the database and the file."""

    incarnation: str
    seen: str
    beat: int


@dataclass(frozen=True, slots=True)
class Renewed:
    users: int
    """Users whose sessions ended."""
    streams: int
    """Streams whose keys were revoked."""


def file_of(secrets_path: Path, data_dir: Path) -> Path:
    """The path of `incarnation.json`: beside the secrets, or in the data directory if their folder is read-only."""
    return (secrets_path.parent if os.access(secrets_path.parent, os.W_OK) else data_dir) / "incarnation.json"


async def check_mode(database: Database, *, dev: bool) -> None:
    """Mark the database when development mode uses it. Raises UsedInDevelopment when production finds the mark, and
    NotInstalled."""
    async with database.transaction() as connection:
        row = await read(connection)
        if dev:
            await connection.execute(_DEVELOPMENT)
        elif row["development_since"] is not None:
            raise UsedInDevelopment


async def read(connection: Connection) -> Row:
    """Lock and return the row of `installation`. Raises NotInstalled."""
    try:
        row = await connection.fetchrow(_READ)
    except asyncpg.UndefinedTableError:
        raise NotInstalled from None
    if row is None:
        raise NotInstalled
    return row


async def recognise(database: Database, path: Path, *, running: bool = False) -> Found:
    """Compare the database with the last beat, and record a new beat.

    A restored database gets a new incarnation, new epochs, and all sessions and stream keys are revoked; with
    `running`, DatabaseReplaced is raised instead, and the next start does that. A promoted one gets new epochs. Raises
    UnusableIncarnation and NotInstalled.
    """
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
            await eventlog.new_epochs(connection)
        noted = Noted(incarnation, place, max(row["beat"], known.beat if known else 0) + 1)
        await connection.execute(_NOTE, noted.seen, noted.beat)
    await asyncio.to_thread(_store, path, noted)
    if found is not Found.SAME:
        what = "database_restored" if found is Found.RESTORED else "database_promoted"
        log.warning(what, extra={"incarnation": incarnation})
    return found


async def renew(database: Database, path: Path, actor: Actor, *, keep_sessions: bool = False) -> Renewed:
    """Treat this database as restored, by an operator's order, while no server runs. With `keep_sessions`, sessions and
    stream keys stay valid, because nothing was lost. Raises UnusableIncarnation and NotInstalled."""
    async with database.transaction(RENEWAL_S) as connection:
        row = await read(connection)
        incarnation, renewed = await _renew(connection, actor, Act.DATABASE_RENEWED, keep_sessions=keep_sessions)
        noted = Noted(incarnation, await _place(connection), row["beat"] + 1)
        await connection.execute(_NOTE, noted.seen, noted.beat)
    await asyncio.to_thread(_store, path, noted)
    return renewed


async def keep(database: Database, path: Path, beat_s: float = BEAT_S) -> None:
    """Compare and record a beat every `beat_s`, until cancelled. Raises DatabaseReplaced and NotInstalled when the
    database was replaced."""
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
    if (
        known is not None and known.incarnation == row["incarnation"]
    ):  # else the file is another machine's, and outdated
        places.add(known.seen)
    if len(places) == 1:
        return Found.SAME
    same_but_for_timeline = len({seen.rpartition("/")[0] for seen in places}) == 1
    return Found.PROMOTED if known is not None and same_but_for_timeline else Found.RESTORED


async def _renew(connection: Connection, actor: Actor, act: Act, *, keep_sessions: bool = False) -> tuple[str, Renewed]:
    incarnation = secrets.token_hex(16)
    await connection.execute("set local statement_timeout = '10min'")
    await connection.execute(_NEW_INCARNATION, incarnation)
    await eventlog.new_epochs(connection)
    renewed = Renewed(users=0, streams=0)
    if not keep_sessions:
        renewed = Renewed(
            users=await session_store.end_every_session(connection), streams=await streams.revoke_every_key(connection)
        )
    subject = Subject(f"database:{incarnation}")
    await audit.record(connection, actor, act, subject, sessions_of=renewed.users, keys_of=renewed.streams)
    return incarnation, renewed


async def _place(connection: Connection) -> str:
    parts = [str(await connection.fetchval(_TABLE))]
    for question in (_SYSTEM, _TIMELINE):
        try:
            async with connection.transaction():
                parts.append(await connection.fetchval(question))
        except asyncpg.InsufficientPrivilegeError:  # some hosted databases forbid these functions
            parts.append("")
    return "/".join(parts)


def _load(path: Path) -> Noted | None:
    """None: there is no file yet. Raises UnusableIncarnation."""
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
