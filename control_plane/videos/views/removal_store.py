"""SQL of removal and export of views, and of the deletion of old ones. What is counted stays counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.videos.video import VideoId

_FORGET_PERSON = "delete from video_view where user_id = $1"
_FORGET_VIDEO = (
    "delete from video_view where ctid = any(array(select ctid from video_view where video_id = $1 limit $2))"
)
_DELETE_OLD = """
    delete from video_view where ctid = any(array(select ctid from video_view where at < $1 order by at limit $2))
"""
_EXPORT = """
    select id, video_id, watch_ms, at from video_view where user_id = $1 and id < $2::bigint order by id desc limit $3
"""


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET_PERSON, user_id)


async def forget_video(database: Database, video_id: VideoId, batch: int) -> None:
    """Delete the rows about a deleted video, as many by one statement."""
    while int((await database.execute(_FORGET_VIDEO, video_id, batch)).split()[-1]) == batch:
        pass


async def delete_old(database: Database, before: dt.datetime, most: int) -> int:
    """Delete at most `most` views of before this time. Returns their number."""
    return int((await database.execute(_DELETE_OLD, before, most)).split()[-1])


async def exported_views(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)
