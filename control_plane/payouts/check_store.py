"""SQL that compares payouts with the ledger, and the ledger with them."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.db.connections import Connection

_LAST = "select coalesce(max(id), 0) from payout_request"
_MOVED = """
    (select coalesce(sum(entry.amount), 0) from ledger_entry entry
     where entry.transfer_id = request.{}
        and account_id = (select id from ledger_account where owner_id is null and kind = '{}'))
"""
_DIFFERENCES = f"""
    select total, kept, derived from (
        select id, 'payout ' || id as total, coins as kept, {_MOVED.format("transfer_id", "payout_reserved")} as derived
        from payout_request request where id > $1 and id <= $2
        union all
        select id, 'end of payout ' || id, case when end_id is null then 0 else coins end,
            -{_MOVED.format("end_id", "payout_reserved")}
        from payout_request request where id > $1 and id <= $2
        union all
        select id, 'payment of payout ' || id, case when state = 'paid' then coins else 0 end,
            {_MOVED.format("end_id", "payout_paid")}
        from payout_request request where id > $1 and id <= $2
    ) as compared
    where kept <> derived order by id, total
"""
_WITHOUT_PAYOUT = """
    select transfer.id, operation from ledger_transfer transfer
    where transfer.id > $1 and transfer.id <= $2 and case operation
        when 'payout' then not exists (select from payout_request where transfer_id = transfer.id)
        when 'payout_paid' then not exists (select from payout_request where end_id = transfer.id)
        when 'payout_returned' then not exists (select from payout_request where end_id = transfer.id)
        else false end
    order by transfer.id
"""


async def last_id(connection: Connection) -> int:
    found: int = await connection.fetchval(_LAST)
    return found


async def differences(connection: Connection, after: int, upto: int) -> Sequence[str]:
    """Payouts with ids in this range that disagree with the ledger."""
    rows = await connection.fetch(_DIFFERENCES, after, upto)
    return [f"{row['total']}: {row['kept']} coins, the ledger has {row['derived']}" for row in rows]


async def without_payout(connection: Connection, after: int, upto: int) -> Sequence[str]:
    """Transfers of payouts in this range that no payout has."""
    rows = await connection.fetch(_WITHOUT_PAYOUT, after, upto)
    return [f"transfer {row['id']} ({row['operation']}) has no payout" for row in rows]
