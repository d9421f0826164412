"""The audit of the ledger, with payouts: what is reserved is what open requests have, what is paid what paid ones have."""

from __future__ import annotations

from control_plane.base.ids import LARGEST_ID
from control_plane.db.pool import Database
from control_plane.payouts import check_store
from tests.control_plane.ledger import books

_BALANCE = """
    select coalesce(sum(amount), 0)::bigint from ledger_entry entry join ledger_account account on account.id = account_id
    where owner_id is null and kind = $1
"""
_COINS = "select coalesce(sum(coins), 0)::bigint from payout_request where state = any($1::text[])"


async def reserved(database: Database) -> int:
    coins: int = await database.fetchval(_BALANCE, "payout_reserved")
    return coins


async def paid(database: Database) -> int:
    coins: int = await database.fetchval(_BALANCE, "payout_paid")
    return coins


async def audit(database: Database) -> None:
    await books.audit(database)
    assert await reserved(database) == await database.fetchval(_COINS, ["requested", "approved"])
    assert await paid(database) == await database.fetchval(_COINS, ["paid"])
    async with database.transaction() as connection:
        assert await check_store.differences(connection, 0, await check_store.last_id(connection)) == []
        assert await check_store.without_payout(connection, 0, LARGEST_ID) == []
