"""SQL of removal and export: a user's comments and likes of comments, and the comments on a video that is deleted."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.videos.video import VideoId

# In the order in which the deletion of one comment locks them.
_LOCK_COMMENTS = """
    select id from video_comment where id in (
        select id from video_comment where user_id = $1
        union all select reply.id from video_comment own join video_comment reply on reply.parent_id = own.id where own.user_id = $1)
    order by id for update
"""
_FORGET_COMMENTS = "delete from video_comment where user_id = $1"  # with the replies to them
_FORGET_LIKES = "delete from comment_like where user_id = $1"
_FORGET_VIDEO = """
    delete from video_comment where ctid = any(array(select ctid from video_comment where video_id = $1 limit $2))
"""
_EXPORT = """
    select id, video_id, parent_id, text, created_at from video_comment
    where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_LIKES = """
    select id, comment_id, created_at from comment_like where user_id = $1 and id < $2::bigint order by id desc limit $3
"""


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_LOCK_COMMENTS, user_id)
    await connection.execute(_FORGET_COMMENTS, user_id)
    await connection.execute(_FORGET_LIKES, user_id)


async def forget_video(database: Database, video_id: VideoId, batch: int) -> None:
    """Delete the comments on a deleted video, as many by one statement, with their likes."""
    while await database.execute(_FORGET_VIDEO, video_id, batch) != "DELETE 0":
        pass


async def exported_comments(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)


async def exported_likes(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_LIKES, user_id, before, limit)
