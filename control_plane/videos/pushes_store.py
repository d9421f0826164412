"""SQL that finds push messages about videos and comments that their receivers do not see any more."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.db.pool import Database
from control_plane.inbox.model import KIND_OF_PUSH, OF_VIDEO, Kind
from control_plane.push.model import Waiting
from control_plane.videos.sight import sees

_ABOUT_VIDEOS = OF_VIDEO | {Kind.VIDEO_LIKE, Kind.COMMENT_LIKE}
"""Others, such as what operators decided about a video, are told although it is hidden."""
_OUTDATED = f"""
    select push.id from unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[])
        as push (id, receiver_id, video_id, comment_id)
    where not exists (select from video where id = push.video_id and {sees("video", "push.receiver_id")})
        or comment_id <> 0 and not exists (select from video_comment where id = push.comment_id)
"""


async def outdated(database: Database, pushes: Sequence[Waiting]) -> set[int]:
    """Which of these messages must not be sent any more, by their ids."""
    asked = [
        (push.id, push.user_id, push.params["video_id"], push.params.get("subject_id", 0))
        for push in pushes
        if KIND_OF_PUSH.get(push.kind) in _ABOUT_VIDEOS
    ]
    if not asked:
        return set()
    return {row["id"] for row in await database.fetch(_OUTDATED, *zip(*asked, strict=True))}
