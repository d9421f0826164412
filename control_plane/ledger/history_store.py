"""SQL of the history of a user's coins."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from control_plane.base.ids import UserId
from control_plane.db.pool import Database, Row

# The newest entries of each account, by its index. `offset 0` keeps the planner from joining with the whole table of
# transfers.
_ENTRIES = """
    select entry.id, account.kind, entry.amount, entry.balance_after, entry.transfer_id, transfer.operation, transfer.created_at
    from ledger_account account cross join lateral (
        select * from ledger_entry where account_id = account.id and id < $2 order by id desc limit $3
    ) as entry cross join lateral (
        select operation, created_at from ledger_transfer where id = entry.transfer_id offset 0
    ) as transfer
    where account.owner_id = $1
"""


async def entries(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """The newest `limit` entries of each of the user's accounts whose id is below `before`, newest first."""
    return sorted(await database.fetch(_ENTRIES, user_id, before, limit), key=itemgetter("id"), reverse=True)
