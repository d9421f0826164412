"""SQL of the questions whether an account exists."""

from __future__ import annotations

import datetime as dt

from control_plane.db.connections import Connection
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database

_COUNT = """
    select count(*) filter (where created_at > $2::timestamptz - interval '1 hour') as hour, count(*) as day
    from account_lookup where origin = $1 and kind = $3 and created_at > $2::timestamptz - interval '1 day'
"""
_ADD = "insert into account_lookup (kind, origin, created_at) values ($1, $2, $3)"
_DELETE = "delete from account_lookup where created_at < $1"


async def lock_and_count(connection: Connection, kind: str, origin: str, now: dt.datetime) -> tuple[int, int]:
    """Questions of the last hour and of the last day. Until the transaction ends, no other one passes here for the
    same kind and origin."""
    await lock_names(connection, f"lookups of {kind} by {origin}")
    row = await connection.fetchrow(_COUNT, origin, now, kind)
    assert row is not None, "an aggregate has one row"
    return row["hour"], row["day"]


async def add(connection: Connection, kind: str, origin: str, now: dt.datetime) -> None:
    await connection.execute(_ADD, kind, origin, now)


async def delete_older(database: Database, before: dt.datetime) -> None:
    await database.execute(_DELETE, before)
