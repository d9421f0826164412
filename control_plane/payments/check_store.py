"""SQL that compares purchases and their refunds with the ledger, and the ledger with them."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.db.connections import Connection

_LAST = "select coalesce(max(id), 0) from purchase"
_MOVED = """
    (select coalesce(sum(amount), 0) from ledger_entry entry
     where entry.transfer_id = {}.transfer_id
        and account_id = (select id from ledger_account where owner_id is null and kind = 'store'))
"""
_DIFFERENCES = f"""
    select total, kept, derived from (
        select id, 'purchase ' || id as total, coins::bigint as kept, -{_MOVED.format("purchase")} as derived from purchase
        where id > $1 and id <= $2
        union all
        select id, 'refunds of purchase ' || id, refunded_coins,
            (select coalesce(sum(change.coins), 0) from purchase_change change where purchase_id = purchase.id)
        from purchase where id > $1 and id <= $2
        union all
        select id, 'refund of purchase ' || id || ' by transfer ' || change.transfer_id, change.coins, {_MOVED.format("change")}
        from purchase join purchase_change change on purchase_id = id where id > $1 and id <= $2
    ) as compared
    where kept <> derived order by id, total
"""
_WITHOUT_PURCHASE = """
    select transfer.id, operation from ledger_transfer transfer
    where transfer.id > $1 and transfer.id <= $2 and operation in ('purchase', 'refund')
        and not exists (select from purchase where transfer_id = transfer.id)
        and not exists (select from purchase_change where transfer_id = transfer.id)
    order by transfer.id
"""


async def last_id(connection: Connection) -> int:
    found: int = await connection.fetchval(_LAST)
    return found


async def differences(connection: Connection, after: int, upto: int) -> Sequence[str]:
    """Purchases with ids in this range that disagree with the ledger."""
    rows = await connection.fetch(_DIFFERENCES, after, upto)
    return [f"{row['total']}: {row['kept']} coins, the ledger has {row['derived']}" for row in rows]


async def without_purchase(connection: Connection, after: int, upto: int) -> Sequence[str]:
    """Transfers of purchases and refunds in this range that no purchase has."""
    rows = await connection.fetch(_WITHOUT_PURCHASE, after, upto)
    return [f"transfer {row['id']} ({row['operation']}) has no purchase" for row in rows]
