"""Removal and export of a user's videos, and removal of what the user did with those of others."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.videos import deletion_store
from control_plane.videos.comments import removal_store as comments
from control_plane.videos.reactions import removal_store as reactions
from control_plane.videos.uploads import resumable_store as uploads
from control_plane.videos.views import removal_store as views

_FORGET_MENTIONS = "delete from video_mention where user_id = $1"
_EXPORT = """
    select v.id, v.description, v.state, c.media, case v.state when 'failed' then c.failure else '' end as failure,
        v.sound_id, c.duration_ms, c.width, c.height, v.privacy,
        v.allow_comments, v.allow_duet, v.duet_of, v.story, v.pinned, v.latitude, v.longitude, l.name as place,
        array(select name from video_hashtag join hashtag on hashtag.id = hashtag_id where video_id = v.id order by name)
            as hashtags,
        array(select user_id from video_mention where video_id = v.id order by user_id) as mentions,
        (select coalesce(sum(views), 0)::bigint from video_count where video_id = v.id) as views, v.created_at, v.posted_at,
        v.deleted_at
    from video v join video_content c on c.id = v.content_id left join location l on l.id = v.location_id
    where v.user_id = $1 and v.id < $2::bigint order by v.id desc limit $3
"""


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """The rows of the user's videos stay, without texts and places, until the job has removed their files."""
    await comments.forget_person(connection, user_id)  # before the videos: the deletion of a comment unpins it
    await deletion_store.hide_all_of(connection, [user_id])
    await connection.execute(_FORGET_MENTIONS, user_id)
    await uploads.forget_person(connection, user_id)
    await views.forget_person(connection, user_id)
    await reactions.forget_person(connection, user_id)


async def exported_videos(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)
