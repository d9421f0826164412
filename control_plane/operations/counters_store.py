"""Compares the counters with the rows that they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from control_plane.db.connections import Connection
from control_plane.videos.sight import IN_FEEDS

COUNTED: Mapping[str, str] = {
    "user.followers": "select followed_id as subject, count(*) as counted from follow group by 1",
    "user.following": "select follower_id as subject, count(*) as counted from follow group by 1",
    "user.videos": "select user_id as subject, count(*) as counted from video where state = 'ready' group by 1",
    "user.likes": """
        select video.user_id as subject, count(*) as counted from video_like join video on video.id = video_id
        where state <> 'deleted' group by 1
    """,
    "user.unseen_visits": "select user_id as subject, count(*) as counted from profile_visit where not seen group by 1",
    "user.unread": "select receiver_id as subject, count(*) as counted from inbox_entry where not read and not hidden group by 1",
    "user.unread_messages": """
        select user_id as subject, sum(unread) as counted from conversation_side where state = 'open' and not hidden group by 1
    """,
    "user.message_requests": """
        select user_id as subject, count(*) as counted from conversation_side
        where state = 'request' and message_change > 0 and not hidden group by 1
    """,
    "sound.videos": f"""
        select sound_id as subject, count(*) as counted from video where sound_id is not null and {IN_FEEDS} group by 1
    """,
    "hashtag.videos": f"""
        select hashtag_id as subject, count(*) as counted from video_hashtag join video on video.id = video_id
        where {IN_FEEDS} group by 1
    """,
    "comment.likes": "select comment_id as subject, count(*) as counted from comment_like group by 1",
    "comment.replies": """
        select parent_id as subject, count(*) as counted from video_comment where parent_id is not null group by 1
    """,
    "video.likes": "select video_id as subject, count(*) as counted from video_like group by 1",
    "video.comments": "select video_id as subject, count(*) as counted from video_comment group by 1",
    "video.favourites": "select video_id as subject, count(*) as counted from video_favourite group by 1",
    "video.reposts": "select video_id as subject, count(*) as counted from video_repost group by 1",
}
"""The rows of each counter. One statement reads rows and counter, so that it sees both as of one moment. Views and shares
are not here: their rows are deleted, and stay counted."""


def _kept(name: str) -> str:
    """Where the counter is: those of videos are columns of `video_count`."""
    of, _, what = name.partition(".")
    if of == "video":
        return f"select video_id as subject, sum({what}) as kept from video_count group by 1"
    return f"select subject_id as subject, sum(value) as kept from counter where name = '{name}' group by 1"


_WRONG = {
    name: f"""
        with counted as ({counted}),
        kept as ({_kept(name)})
        select subject, coalesce(kept, 0)::bigint as kept, coalesce(counted, 0) as counted
        from counted full join kept using (subject)
        where coalesce(kept, 0) <> coalesce(counted, 0) order by subject limit $1
    """
    for name, counted in COUNTED.items()
}


class Wrong(msgspec.Struct, frozen=True):
    """A counter that differs from the number of its rows."""

    name: str
    subject: int
    kept: int
    counted: int


async def wrong(connection: Connection, name: str, limit: int) -> Sequence[Wrong]:
    """The first subjects whose counter of this name is wrong. Reads all rows that it counts."""
    return [Wrong(name, **row) for row in await connection.fetch(_WRONG[name], limit)]
