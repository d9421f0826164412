"""SQL of blocks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.social.model import Block

Pair: TypeAlias = tuple[UserId, UserId]


def are_blocked(one: str, other: str) -> str:
    """SQL: whether one of two users blocks the other; false if one is null: a guest. The arguments are SQL. Triggers call
    the function of this name (migration 0019). Statements do not, because PostgreSQL cannot inline it: each use costs 5 to
    100 µs. With `exists`, PostgreSQL may read all blocks into a hash table; a scalar subquery is always two index
    lookups."""
    return f"""coalesce(
        (select true from block where blocker_id = {one} and blocked_id = {other}),
        (select true from block where blocker_id = {other} and blocked_id = {one}), false)"""


def blocked_with(viewer: str) -> str:
    """SQL: the ids of the users whom the viewer blocks or who block the viewer, for `not in` in statements that pass over
    many rows: PostgreSQL reads them once into a hash table. None if the viewer is null: a guest."""
    return f"""(select blocked_id from block where blocker_id = {viewer}
        union all select blocker_id from block where blocked_id = {viewer})"""


_ADD = """
    insert into block (blocker_id, blocked_id) values ($1, $2) returning id, blocker_id, blocked_id, blocked_at
"""
_REMOVE = "delete from block where blocker_id = $1 and blocked_id = $2"
_BLOCKED_BY = """
    select blocked_id from block join visible_user on visible_user.id = blocked_id
    where blocker_id = $1 order by block.id desc limit $2 offset $3
"""
_BLOCKED_WITH = f"select * from {blocked_with('$1')} as other (id)"
_BLOCKED_PAIRS = f"""
    select one, other from unnest($1::integer[], $2::integer[]) as pair (one, other) where {are_blocked("one", "other")}
"""


async def add(connection: Connection, blocker_id: UserId, blocked_id: UserId) -> Block:
    row = await connection.fetchrow(_ADD, blocker_id, blocked_id)
    return Block(**present(row, "an insert without a conflict returns its row"))


async def remove(connection: Connection, blocker_id: UserId, blocked_id: UserId) -> None:
    await connection.execute(_REMOVE, blocker_id, blocked_id)


async def blocked_by(database: Database, blocker_id: UserId, limit: int, offset: int) -> Sequence[UserId]:
    """The users whom this user blocks, the newest block first. Banned and deleted ones are left out."""
    return [row["blocked_id"] for row in await database.fetch(_BLOCKED_BY, blocker_id, limit, offset)]


async def all_blocked_with(database: Database, user_id: UserId) -> frozenset[UserId]:
    """The users whom this user blocks or who block this user."""
    return frozenset(row["id"] for row in await database.fetch(_BLOCKED_WITH, user_id))


async def blocked_pairs(source: Connection | Database, pairs: Collection[Pair]) -> set[Pair]:
    """Those of these pairs of users in which one blocks the other."""
    rows = await source.fetch(_BLOCKED_PAIRS, [one for one, _ in pairs], [other for _, other in pairs])
    return {(row["one"], row["other"]) for row in rows}
