"""SQL of the deletion of videos, in two steps: `hide`, and some time later `remove`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.videos.video import ContentId, VideoId

# For update, not a weaker lock: a like that is on its way holds the row by its foreign key, and has to be counted first.
_LOCK = "select id from video where id = any($1::integer[]) and state <> 'deleted' order by id for update"
_HIDE = "update video set state = 'deleted', deleted_at = now() where id = any($1::integer[])"
_LEAVE_HASHTAGS = "delete from video_hashtag where video_id = any($1::integer[])"
_OWN = "select id from video where id = $1 and user_id = $2 and state <> 'deleted'"
_OF_USERS = "select id from video where user_id = any($1::integer[]) and state <> 'deleted'"
_OF_CONTENT = "select id from video where content_id = $1 and state <> 'deleted'"
# In one statement, as `_EDIT` in `posting_store.py`. Also those that are deleted already.
_HIDE_AND_BLANK = """
    update video
    set state = 'deleted', deleted_at = to_timestamp(0),
        description = '', latitude = null, longitude = null, location_id = null, request = null
    where user_id = any($1::integer[])
"""
# Locked, so that an equal upload is posted before, and then found, or after, and then refused.
_LOCK_CONTENT_OF = """
    select c.id, c.sha256 from video join video_content c on c.id = content_id where video.id = $1 for update of c
"""
_REFUSE = "insert into refused_content (sha256) values ($1) on conflict do nothing"
_DUE = """
    select id from video where state = 'deleted' and deleted_at < $1 and id <> all($2::integer[])
    order by deleted_at limit $3
"""
_REMOVE = "delete from video where id = $1 and state = 'deleted' returning content_id"
_LOCK_CONTENT = """
    select original, media, small, poster, preview, watermarked from video_content where id = $1 for update
"""
_IN_USE = "select exists (select from video where content_id = $1)"
_REMOVE_CONTENT = "delete from video_content where id = $1"
_USES = """
    select distinct used_by from file_use join stored_file on stored_file.id = file_id
    where name = any($1) and starts_with(used_by, $2)
"""


async def own(connection: Connection, user_id: UserId, video_id: VideoId) -> bool:
    """Whether it is a video of this user that is not deleted."""
    return await connection.fetchval(_OWN, video_id, user_id) is not None


async def hide(connection: Connection, video_ids: Collection[VideoId]) -> Sequence[VideoId]:
    """Delete these videos for all users: nothing shows or counts them from the commit on. Returns those that were not
    deleted before."""
    hidden = await _locked(connection, video_ids)
    await connection.execute(_HIDE, hidden)
    await connection.execute(_LEAVE_HASHTAGS, hidden)
    return hidden


async def hide_all_of(connection: Connection, user_ids: Collection[UserId]) -> Sequence[VideoId]:
    """Delete all videos of these users as `hide` does, with their texts and places, to be removed without a delay."""
    hidden = await _locked(connection, [row["id"] for row in await connection.fetch(_OF_USERS, user_ids)])
    await connection.execute(_HIDE_AND_BLANK, user_ids)
    await connection.execute(_LEAVE_HASHTAGS, hidden)
    return hidden


async def _locked(connection: Connection, video_ids: Collection[VideoId]) -> Sequence[VideoId]:
    """Those of these videos that are not deleted."""
    return [VideoId(row["id"]) for row in await connection.fetch(_LOCK, video_ids)]


async def refuse(connection: Connection, video_id: VideoId) -> Sequence[VideoId]:
    """Refuse uploads that are equal to that of this video from now on. Returns all videos of that upload."""
    row = await connection.fetchrow(_LOCK_CONTENT_OF, video_id)
    if row is None:
        return []
    if row["sha256"] is not None:
        await connection.execute(_REFUSE, row["sha256"])
    return [VideoId(other["id"]) for other in await connection.fetch(_OF_CONTENT, row["id"])]


async def due(database: Database, before: dt.datetime, without: Collection[VideoId], limit: int) -> Sequence[VideoId]:
    """Videos that were deleted before this time, the first ones first."""
    return [VideoId(row["id"]) for row in await database.fetch(_DUE, before, without, limit)]


async def remove(connection: Connection, video_id: VideoId) -> ContentId | None:
    """Delete the row of a deleted video. Returns its content."""
    content_id: ContentId | None = await connection.fetchval(_REMOVE, video_id)
    return content_id


async def remove_unused_content(connection: Connection, content_id: ContentId) -> Sequence[str]:
    """Delete the row of a content that no video has. Returns the uses of its files, which have to end. An upload of equal
    content waits for the lock."""
    row = await connection.fetchrow(_LOCK_CONTENT, content_id)
    if row is None or await connection.fetchval(_IN_USE, content_id):
        return []
    await connection.execute(_REMOVE_CONTENT, content_id)
    names = [name for name in row if name]
    return [use["used_by"] for use in await connection.fetch(_USES, names, f"video_content/{content_id}/")]
