"""Doctor's checks of PostgreSQL: connection, version, schema, secrets, mode and clock."""

from __future__ import annotations

from control_plane.base.clock import utc_now
from control_plane.config import secrets
from control_plane.db.fingerprints import check_known, known_fingerprints
from control_plane.db.migrate import applied_version, migrations
from control_plane.db.pool import connect
from control_plane.db.privileges import role_of
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import CONNECT_S, NO_DATABASE_YET, Installation

OLDEST = 140_000
"""The oldest supported PostgreSQL, as `server_version_num`: 14."""
SKEW_S = 2.0
"""Tolerated difference of two clocks. Larger: stale publishers may be mistaken for current ones without a warning."""
_MODE = "select development_since from installation"
_MODE_SINCE = 4
"""The migration that adds the column."""


async def postgresql(at: Installation) -> Finding:
    if at.dsn is None:
        if at.why_no_dsn == NO_DATABASE_YET:
            return ok(NO_DATABASE_YET)
        return broken(
            at.why_no_dsn,
            "Check LIVE_DATABASE_URL, and that the server accepts this user." if at.settings.database_url else "",
        )
    connection = await connect(at.dsn, CONNECT_S)
    try:
        number = int(await connection.fetchval("show server_version_num"))
        version = await connection.fetchval("show server_version")
    finally:
        connection.terminate()
    where = "of LIVE_DATABASE_URL" if at.settings.database_url else "embedded"
    if number < OLDEST:
        return broken(f"PostgreSQL {version} ({where}) is too old", "Upgrade it to 14 or newer.")
    return ok(f"PostgreSQL {version} ({where})")


async def role(at: Installation) -> Finding | None:
    if at.dsn is None:
        return None
    connection = await connect(at.dsn, CONNECT_S)
    try:
        used = await role_of(connection)
    finally:
        connection.terminate()
    if used.owns:
        return warning(
            f"{used.name} owns the tables, so the server could change what the ledger and the audit log hold",
            "Give the server a role of its own: docs/operations.md, Database roles.",
        )
    return ok(f"{used.name} cannot change the ledger's entries and the audit log")


async def schema(at: Installation) -> Finding | None:
    if at.dsn is None:
        return None
    connection = await connect(at.dsn, CONNECT_S)
    try:
        applied = await applied_version(connection)
    finally:
        connection.terminate()
    known = migrations()[-1].version
    if applied > known:
        return broken(f"version {applied}, but this release knows {known}", "Start the newer release.")
    if applied < known:
        return warning(
            f"version {applied} of {known}", "The next start migrates it. To migrate now, run `stagedoor migrate`."
        )
    return ok(f"version {applied}")


async def belonging(at: Installation) -> Finding | None:
    if at.dsn is None:
        return None
    mine = secrets.load(at.settings.secrets_path)
    connection = await connect(at.dsn, CONNECT_S)
    try:
        known = await known_fingerprints(connection) if await applied_version(connection) else {}
    finally:
        connection.terminate()
    if mine is None:
        return (
            broken(
                f"the database was used with secrets that are not in {at.settings.secrets_path}",
                "Restore them from your backup.",
            )
            if known
            else None
        )
    check_known(mine, known)
    return ok("they match the secrets file") if known else None


async def mode(at: Installation) -> Finding | None:
    if at.dev:
        return None
    async with at.connection(_MODE_SINCE) as connection:
        since = None if connection is None else await connection.fetchval(_MODE)
    if since is None:
        return None
    return warning(
        f"development mode has used it since {since:%Y-%m-%d}: production refuses it",
        "Run `stagedoor database production` to prepare it for production, or use a fresh database.",
    )


async def clock(at: Installation) -> Finding | None:
    if at.dsn is None or not at.settings.database_url:
        return None  # the embedded server runs on this machine's clock
    connection = await connect(at.dsn, CONNECT_S)
    try:
        before = utc_now()
        theirs = await connection.fetchval("select clock_timestamp()")
        skew_s = (theirs - (before + (utc_now() - before) / 2)).total_seconds()
    finally:
        connection.terminate()
    return skew("PostgreSQL", skew_s)


def skew(whose: str, skew_s: float) -> Finding:
    text = f"{whose}'s is {abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) > SKEW_S:
        return warning(
            text, "Stale publishers are recognised by their time: synchronise the clocks of all machines (NTP)."
        )
    return ok(text)
