"""Locks on names, such as for limits: only one transaction at a time counts and then adds."""

from __future__ import annotations

from control_plane.db.connections import Connection

_LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
_TRY = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))"


async def lock_names(connection: Connection, *names: str) -> None:
    """Until the transaction ends, no other one passes here with one of these names. The names are locked in their order,
    so that two transactions cannot wait for each other."""
    for name in sorted(names):
        await connection.execute(_LOCK, name)


async def lock_or_wait(connection: Connection, name: str) -> bool:
    """As `lock_names`. True: another transaction had the lock, and has ended now."""
    if await connection.fetchval(_TRY, name):
        return False
    await connection.execute(_LOCK, name)
    return True
