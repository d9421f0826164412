"""SQL of the followers whom a user's posts and streams are told."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database

_NOTIFIED = """
    select follower_id from follow
    where followed_id = $1 and notified and follower_id > $2 and exists (select from visible_user where id = follower_id)
    order by follower_id limit $3
"""


async def notified_followers(database: Database, user_id: UserId, after: UserId, limit: int) -> list[UserId]:
    """In the order of their ids, from the first one after `after`."""
    return [row["follower_id"] for row in await database.fetch(_NOTIFIED, user_id, after, limit)]
