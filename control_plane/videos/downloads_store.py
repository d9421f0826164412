"""SQL of downloads of videos."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.storage.model import FileName
from control_plane.videos.video import ContentId, VideoId

_MAY_DOWNLOAD = """
    select user_id = $1 or (select videos_download from privacy_setting where user_id = video.user_id)
    from video where id = $2
"""
_WATERMARKED = "select watermarked from video join video_content c on c.id = content_id where video.id = $1"
_CONTENT_OF = "select content_id from video where id = $1"


async def may_download(database: Database, user_id: UserId, video_id: VideoId) -> bool:
    """Whether a user who sees the video may download it."""
    return bool(await database.fetchval(_MAY_DOWNLOAD, user_id, video_id))


async def watermarked(database: Database, video_id: VideoId) -> FileName:
    """The copy with a watermark; "" where there is none."""
    return FileName(await database.fetchval(_WATERMARKED, video_id) or "")


async def content_of(connection: Connection, video_id: VideoId) -> ContentId:
    return ContentId(await connection.fetchval(_CONTENT_OF, video_id))
