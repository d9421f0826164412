"""Doctor's check of reports: whether some wait for an operator for long."""

from __future__ import annotations

from control_plane.db.migrate import applied_version
from control_plane.db.pool import connect
from control_plane.reports import store
from stagedoor.cli.doctor.finding import Finding, ok, warning
from stagedoor.cli.doctor.installation import CONNECT_S, Installation

LONGEST_WAIT_S = 2 * 86400
"""Longer: users who are harassed wait for days without a warning."""
_SINCE = 22
"""The migration that adds reports."""


async def waiting(at: Installation) -> Finding | None:
    if at.dsn is None:
        return None
    connection = await connect(at.dsn, CONNECT_S)
    try:
        if await applied_version(connection) < _SINCE:
            return None
        backlog = await store.backlog(connection)
    finally:
        connection.terminate()
    waiting = f"{backlog.reports} open, {backlog.appeals} appeals"
    if backlog.oldest_s <= LONGEST_WAIT_S:
        return ok(waiting)
    return warning(
        f"{waiting}; the oldest has waited for {backlog.oldest_s / 86400:.0f} days",
        "Read them with `stagedoor reports list`.",
    )
