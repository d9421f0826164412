"""SQL of follows and of requests to follow."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.social.toggles import lock_pair

_END_FOLLOWS = """
    delete from follow where (follower_id = $1 and followed_id = $2) or (follower_id = $2 and followed_id = $1)
"""
_END_REQUESTS = """
    delete from follow_request
    where (requester_id = $1 and requested_id = $2) or (requester_id = $2 and requested_id = $1)
"""


async def end_follows(connection: Connection, one: UserId, other: UserId) -> None:
    """End follows and requests between two users in both directions. Both follows in one statement, so that counters are
    written in the order of their keys."""
    await lock_pair(connection, one, other)
    await connection.execute(_END_FOLLOWS, one, other)
    await connection.execute(_END_REQUESTS, one, other)
