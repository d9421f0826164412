"""SQL of the files behind the addresses of a video."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from control_plane.db.pool import Database
from control_plane.social.model import Viewer
from control_plane.storage.model import FileName
from control_plane.videos.sight import sees
from control_plane.videos.video import VideoId

_SEEN = f"""
    select video.created_at, c.media, c.small, c.poster, c.preview,
        case when user_id = $2 or (select videos_download from privacy_setting where user_id = video.user_id)
            then c.watermarked else '' end as watermarked
    from video join video_content c on c.id = video.content_id
    where video.id = $1 and {sees("video", "$2::integer")}
        and ($2::integer is null or (select true from visible_user where id = $2::integer))
"""


class SeenFiles(NamedTuple):
    created_at: dt.datetime
    """Of the video."""
    names: dict[str, FileName]


async def seen_files(database: Database, video_id: VideoId, viewer_id: Viewer) -> SeenFiles | None:
    """The names in storage by the kind of file; "" where there is no such file yet. None if there is no such video, if the
    viewer does not see it, or is banned or deleted. The original is not among them: it may tell where it was filmed. The
    copy for downloads is, if the owner lets others download."""
    row = await database.fetchrow(_SEEN, video_id, viewer_id)
    if row is None:
        return None
    names = dict(row)
    return SeenFiles(names.pop("created_at"), names)
