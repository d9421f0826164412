"""Doctor's check of reports: whether some wait for an operator for long."""

from __future__ import annotations

from control_plane.reports import store
from stagedoor.cli.doctor.finding import Finding, ok, warning
from stagedoor.cli.doctor.installation import Installation

LONGEST_WAIT_S = 2 * 86400
"""Longer: users who are harassed wait for days without a warning."""
_SINCE = 22
"""The migration that adds reports."""


async def waiting(at: Installation) -> Finding | None:
    async with at.connection(_SINCE) as connection:
        if connection is None:
            return None
        backlog = await store.backlog(connection)
    waiting = f"{backlog.reports} open, {backlog.appeals} appeals"
    if backlog.oldest_s <= LONGEST_WAIT_S:
        return ok(waiting)
    return warning(
        f"{waiting}; the oldest has waited for {backlog.oldest_s / 86400:.0f} days",
        "Read them with `stagedoor reports list`.",
    )
