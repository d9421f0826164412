"""SQL of the followers whom a user's posts and streams are told."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_NOTIFIED = """
    select follower_id from follow
    where followed_id = $1 and notified and follower_id > $2 and exists (select from visible_user where id = follower_id)
    order by follower_id limit $3
"""
_TO_PUSH = """
    select follower_id from follow
    join visible_user on visible_user.id = follower_id join push_setting on push_setting.user_id = follower_id
    where followed_id = $1 and notified and video_updates
"""


async def notified_followers(database: Database, user_id: UserId, after: UserId, limit: int) -> list[UserId]:
    """In the order of their ids, from the first one after `after`."""
    return [row["follower_id"] for row in await database.fetch(_NOTIFIED, user_id, after, limit)]


async def followers_to_push(connection: Connection, user_id: UserId) -> list[UserId]:
    """All followers who want to be told and have not switched off push messages of posts and streams."""
    return [row["follower_id"] for row in await connection.fetch(_TO_PUSH, user_id)]
