"""SQL of removal and export: what users did with the videos of others, and reactions to a video that is deleted."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.videos.video import VideoId

_TABLES = ("not_interested", "video_share", "video_favourite", "video_repost", "video_like")
_FORGET_PERSON = {table: f"delete from {table} where user_id = $1" for table in _TABLES}
_FORGET_VIDEO = {
    table: f"delete from {table} where ctid = any(array(select ctid from {table} where video_id = $1 limit $2))"
    for table in _TABLES
}
_EXPORT_LIKES = """
    select id, video_id, created_at from video_like where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_FAVOURITES = """
    select id, video_id, created_at from video_favourite where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_REPOSTS = """
    select id, video_id, comment, created_at from video_repost
    where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_SHARES = """
    select id, video_id, day from video_share where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_NOT_INTERESTED = """
    select video_id as id, created_at from not_interested
    where user_id = $1 and video_id < $2::bigint order by video_id desc limit $3
"""


async def forget_person(connection: Connection, user_id: UserId) -> None:
    for statement in _FORGET_PERSON.values():
        await connection.execute(statement, user_id)


async def forget_video(database: Database, video_id: VideoId, batch: int) -> None:
    """Delete the rows about a deleted video, as many by one statement."""
    for statement in _FORGET_VIDEO.values():
        while int((await database.execute(statement, video_id, batch)).split()[-1]) == batch:
            pass


async def exported_likes(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_LIKES, user_id, before, limit)


async def exported_favourites(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_FAVOURITES, user_id, before, limit)


async def exported_reposts(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_REPOSTS, user_id, before, limit)


async def exported_shares(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_SHARES, user_id, before, limit)


async def exported_not_interested(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """By the ids of the videos."""
    return await database.fetch(_EXPORT_NOT_INTERESTED, user_id, before, limit)
