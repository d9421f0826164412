"""SQL of the export of a period. Each statement reads a bounded number of transfers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.db.connections import Connection
from control_plane.db.pool import Row

# `offset 0`: the planner would look for the least and the greatest id along the primary key, through the whole table.
_RANGE = """
    select min(id) as first, max(id) as last from (
        select id from ledger_transfer where created_at >= $1 and created_at < $2 offset 0
    ) as transfer
"""
_ENTRIES = """
    with page as (
        select id, operation, note, created_at from ledger_transfer
        where id >= $1 and id <= $2 and created_at >= $3 and created_at < $4
        order by id limit $5
    )
    select page.created_at, page.id as transfer_id, page.operation, page.note, account.kind, account.owner_id,
        entry.amount, entry.balance_after
    from page join ledger_entry entry on entry.transfer_id = page.id join ledger_account account on account.id = entry.account_id
    order by page.id, entry.id
"""


async def now(connection: Connection) -> dt.datetime:
    time: dt.datetime = await connection.fetchval("select now()")
    return time


async def range_of(connection: Connection, start: dt.datetime, end: dt.datetime) -> tuple[int, int]:
    """The first and the last transfer of the period, by id. Between them there may be others. (0, -1): there is none."""
    row = await connection.fetchrow(_RANGE, start, end)
    return (0, -1) if row is None or row["first"] is None else (row["first"], row["last"])


async def entries(
    connection: Connection, first: int, last: int, start: dt.datetime, end: dt.datetime, transfers: int
) -> Sequence[Row]:
    """The entries of the next transfers of the period, in the order of the transfers."""
    return await connection.fetch(_ENTRIES, first, last, start, end, transfers)
