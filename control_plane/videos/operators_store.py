"""SQL of videos as operators see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.videos.video import ContentId, VideoId

_COLUMNS = """
    v.id, v.user_id, v.content_id, v.state, v.privacy, v.description, v.created_at, v.deleted_at, c.progress,
    case v.state when 'failed' then c.failure else '' end as failure, c.bytes, c.width, c.height, c.duration_ms
"""
_LATEST = f"""
    select {_COLUMNS} from video v join video_content c on c.id = v.content_id
    where ($2::text is null or v.state = $2) and ($3::integer is null or v.user_id = $3) order by v.id desc limit $1
"""
_GET = f"select {_COLUMNS} from video v join video_content c on c.id = v.content_id where v.id = $1"
_CONTENT_OF = "select content_id from video where id = $1 and state <> 'deleted'"
_SET_REASON = """
    update refused_content set reason = $2
    where sha256 = (select sha256 from video join video_content c on c.id = content_id where video.id = $1)
"""


class ShownVideo(NamedTuple):
    id: VideoId
    user_id: UserId
    content_id: ContentId
    """Equal uploads share it."""
    state: str
    privacy: str
    description: str
    created_at: dt.datetime
    deleted_at: dt.datetime | None
    progress: int
    failure: str
    bytes: int
    width: int
    height: int
    duration_ms: int


async def latest(
    database: Database, limit: int, state: str | None = None, user_id: UserId | None = None
) -> Sequence[ShownVideo]:
    """Newest first."""
    return [ShownVideo(**row) for row in await database.fetch(_LATEST, limit, state, user_id)]


async def get(database: Database, video_id: VideoId) -> ShownVideo | None:
    """Also a deleted one whose row is still there."""
    row = await database.fetchrow(_GET, video_id)
    return None if row is None else ShownVideo(**row)


async def content_of(connection: Connection, video_id: VideoId) -> ContentId | None:
    """None: there is no such video."""
    content_id: ContentId | None = await connection.fetchval(_CONTENT_OF, video_id)
    return content_id


async def set_reason(connection: Connection, video_id: VideoId, reason: str) -> None:
    """Why equal uploads are refused, for operators."""
    await connection.execute(_SET_REASON, video_id, reason)
