"""Doctor's check of the ledger: what its latest checks found, and when they were made."""

from __future__ import annotations

import datetime as dt

from control_plane.base.clock import utc_now
from control_plane.ledger import check_store
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import Installation

LONGEST = dt.timedelta(hours=26)
"""Since the latest check, which runs every hour and every night, while a server runs. Shorter: a warning while a long
check runs. Longer: a difference is noticed later."""
_SINCE = 32
"""The migration that adds the results."""


async def checked(at: Installation) -> Finding | None:
    async with at.connection(_SINCE) as connection:
        if connection is None:
            return None
        latest = await check_store.latest(connection)
    for check in latest:
        if check.differences:
            return broken(
                f"{check.differences} differences, the first: {check.found[0]}",
                "`stagedoor ledger check` lists them; see docs/money.md, The ledger and its proof.",
            )
    if not latest:
        return ok("not checked yet: a running server checks it every hour")
    newest = max(check.checked_at for check in latest)
    text = f"checked {newest:%Y-%m-%d %H:%M} UTC, no differences"
    if at.running and utc_now() - newest > LONGEST:
        return warning(text, "The server checks it every hour: see `stagedoor jobs list`.")
    return ok(text)
