"""The export of a period as CSV: a line for each entry, then totals by kind of account."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.spreadsheet import harmless
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import export_store

COLUMNS = ("time", "transfer", "operation", "kind", "owner", "amount", "balance_after", "note")
PAGE = 1_000
"""Transfers that are read at once. More: more memory. Fewer: more queries."""
SETTLED_AFTER = dt.timedelta(minutes=1)
"""Transactions are shorter. A transfer has the time at which its transaction began, so a period that ended later could
still get transfers after its export."""
LONGEST_S = 6 * 3600.0


class InvalidPeriod(ControlPlaneError):
    code = "invalid_period"
    kind = ErrorKind.STOPS


async def export(database: Database, start: dt.datetime, end: dt.datetime, transfers: int = PAGE) -> AsyncIterator[str]:
    """Pieces of the CSV of [start, end), all of one snapshot. Its last lines, with `total` as the time, are the sums by
    kind of the users' and of the system's accounts: what the period changed in the trial balance. They sum to zero.

    Raises InvalidPeriod, and DatabaseUnavailable.
    """
    if start >= end:
        raise InvalidPeriod("The period must end after it begins.")
    async with (
        database.connection(LONGEST_S) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        if end > await export_store.now(connection) - SETTLED_AFTER:
            raise InvalidPeriod("The period must have ended a minute ago: it may still get transfers.")
        async for piece in _pieces(connection, start, end, transfers):
            yield piece


async def _pieces(connection: Connection, start: dt.datetime, end: dt.datetime, transfers: int) -> AsyncIterator[str]:
    yield _lines([COLUMNS])
    totals: dict[tuple[str, str], int] = defaultdict(int)
    first, last = await export_store.range_of(connection, start, end)
    while first <= last:
        entries = await export_store.entries(connection, first, last, start, end, transfers)
        if not entries:
            break
        for entry in entries:
            totals[entry["kind"], "system" if entry["owner_id"] is None else "users"] += entry["amount"]
        yield _lines(
            (
                entry["created_at"].isoformat(),
                entry["transfer_id"],
                entry["operation"],
                entry["kind"],
                "system" if entry["owner_id"] is None else entry["owner_id"],
                entry["amount"],
                entry["balance_after"],
                harmless(entry["note"]),
            )
            for entry in entries
        )
        first = entries[-1]["transfer_id"] + 1
    yield _lines(
        ("total", None, None, kind, owner, total, None, None) for (kind, owner), total in sorted(totals.items())
    )


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
