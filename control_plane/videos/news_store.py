"""SQL of what the personal socket tells of videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.videos.video import State, VideoId

# Videos that are processing are few; so are those that are newer than what was read last.
_UPLOADS = """
    select video.user_id, video.id, video.state, c.progress, case video.state when 'failed' then c.failure else '' end as failure
    from (
        select id from video where user_id = any($1::integer[]) and state = 'processing'
        union select newer.id from unnest($1::integer[], $2::integer[]) as wanted (user_id, last) cross join lateral (
            select id from video where user_id = wanted.user_id and id > wanted.last order by id desc limit $4) as newer
        union select id from unnest($3::integer[]) as known (id)) as changed
    join video using (id) join video_content c on c.id = video.content_id
    where video.state <> 'deleted' order by video.id
"""
_LAST = "select coalesce(max(id), 0) from video where user_id = $1"


class Upload(NamedTuple):
    user_id: UserId
    id: VideoId
    state: State
    progress: int
    failure: str


async def last(database: Database, user_id: UserId) -> VideoId:
    """The newest video of the user; 0: none."""
    return VideoId(await database.fetchval(_LAST, user_id))


async def uploads(
    database: Database, after: Mapping[UserId, VideoId], known: Sequence[VideoId], limit: int
) -> Sequence[Upload]:
    """Videos of these users that are processing, newer than this one, at most `limit` of each user, or known."""
    rows = await database.fetch(_UPLOADS, list(after), list(after.values()), known, limit)
    return [Upload(**{**row, "state": State(row["state"])}) for row in rows]
