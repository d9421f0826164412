"""SQL of removal and export: what is kept about a user's follows, blocks and visits."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_FORGET = (
    "delete from follow where follower_id = $1",
    "delete from follow where followed_id = $1",
    "delete from follow_request where requester_id = $1 or requested_id = $1",
    "delete from follow_count where user_id = $1",
    "delete from popular_user where user_id = $1",
    "delete from block where blocker_id = $1 or blocked_id = $1",
    "delete from profile_visit where user_id = $1",
    "delete from profile_visit where visitor_id = $1",
)
_EXPORT_FOLLOWS = """
    select id, followed_id as user_id, notified, followed_at from follow
    where follower_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_FOLLOW_REQUESTS = """
    select requested_id as user_id, requested_at from follow_request where requester_id = $1 order by id desc
"""
_EXPORT_BLOCKS = """
    select id, blocked_id as user_id, blocked_at from block
    where blocker_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_VISITS = """
    select user_id as id, visited_at from profile_visit
    where visitor_id = $1 and user_id < $2::bigint order by user_id desc limit $3
"""


async def forget_person(connection: Connection, user_id: UserId) -> None:
    for statement in _FORGET:
        await connection.execute(statement, user_id)


async def exported_follows(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_FOLLOWS, user_id, before, limit)


async def exported_follow_requests(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT_FOLLOW_REQUESTS, user_id)


async def exported_blocks(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_BLOCKS, user_id, before, limit)


async def exported_visits(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """Users whose profiles this user visited, by their ids."""
    return await database.fetch(_EXPORT_VISITS, user_id, before, limit)
