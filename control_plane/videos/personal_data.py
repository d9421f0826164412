"""SQL of removal and export: what is kept about a user's videos, and about what the user did with those of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.videos import deletion_store

# Likes last: they lock counters of owners, for which another like may wait while it holds what the others need.
_FORGET = (
    "delete from upload where user_id = $1",
    "delete from video_mention where user_id = $1",
    "delete from not_interested where user_id = $1",
    "delete from video_view where user_id = $1",
    "delete from video_share where user_id = $1",
    "delete from video_favourite where user_id = $1",
    "delete from video_repost where user_id = $1",
    "delete from video_comment where user_id = $1",
    "delete from comment_like where user_id = $1",
    "delete from video_like where user_id = $1",
)
_EXPORT_VIDEOS = """
    select v.id, v.description, v.state, c.media, c.failure, v.sound_id, c.duration_ms, c.width, c.height, v.privacy,
        v.allow_comments, v.allow_duet, v.duet_of, v.story, v.pinned, v.latitude, v.longitude, l.name as place,
        array(select name from video_hashtag join hashtag on hashtag.id = hashtag_id where video_id = v.id order by name)
            as hashtags,
        array(select user_id from video_mention where video_id = v.id order by user_id) as mentions,
        (select coalesce(sum(views), 0)::bigint from video_count where video_id = v.id) as views, v.created_at, v.posted_at,
        v.deleted_at
    from video v join video_content c on c.id = v.content_id left join location l on l.id = v.location_id
    where v.user_id = $1 and v.id < $2::bigint order by v.id desc limit $3
"""
_EXPORT_COMMENTS = """
    select id, video_id, parent_id, text, created_at from video_comment
    where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_COMMENT_LIKES = """
    select id, comment_id, created_at from comment_like where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
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
_EXPORT_VIEWS = """
    select id, video_id, watch_ms, at from video_view where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_EXPORT_NOT_INTERESTED = """
    select video_id as id, created_at from not_interested
    where user_id = $1 and video_id < $2::bigint order by video_id desc limit $3
"""


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """The rows of the user's videos stay without texts and places until the job has removed their files."""
    await deletion_store.hide_all_of(connection, [user_id])
    for statement in _FORGET:
        await connection.execute(statement, user_id)


def _exporting(statement: str) -> Callable[[Database, UserId, int, int], Awaitable[Sequence[Row]]]:
    async def exported(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
        return await database.fetch(statement, user_id, before, limit)

    return exported


exported_videos = _exporting(_EXPORT_VIDEOS)
exported_comments = _exporting(_EXPORT_COMMENTS)
exported_comment_likes = _exporting(_EXPORT_COMMENT_LIKES)
exported_likes = _exporting(_EXPORT_LIKES)
exported_favourites = _exporting(_EXPORT_FAVOURITES)
exported_reposts = _exporting(_EXPORT_REPOSTS)
exported_shares = _exporting(_EXPORT_SHARES)
exported_views = _exporting(_EXPORT_VIEWS)
exported_not_interested = _exporting(_EXPORT_NOT_INTERESTED)
"""Of videos, by their ids."""
