"""SQL of views. A trigger counts them."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.db.pool import Database
from control_plane.social.model import Viewer
from control_plane.videos.sight import sees
from control_plane.videos.video import VideoId

# In the order of the ids, so that two such statements cannot wait for each other.
_RECORD = f"""
    insert into video_view as kept (video_id, viewer, half_hour, user_id, watch_ms)
    select video.id, $3, $4, $5::integer, watched.ms
    from unnest($1::integer[], $2::integer[]) as watched (id, ms) join video on video.id = watched.id
    where video.state = 'ready' and {sees("video", "$5::integer")} order by video.id
    on conflict (video_id, viewer, half_hour) do update set watch_ms = least(kept.watch_ms + excluded.watch_ms, $6)
"""


async def record(
    database: Database, watched: Mapping[VideoId, int], viewer: bytes, half_hour: int, user_id: Viewer, most_ms: int
) -> None:
    """Add views with their milliseconds. The time of another one of the viewer in this half hour is added to it, up to
    `most_ms`. Videos that the user does not see, or a guest where it is None, are left out."""
    await database.execute(_RECORD, list(watched), list(watched.values()), viewer, half_hour, user_id, most_ms)
