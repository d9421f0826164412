"""SQL of posted and edited videos, and of the contents that they share."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.social.blocks_store import are_blocked
from control_plane.videos.tags_store import GivenPlace, place_id
from control_plane.videos.video import ContentId, Privacy, VideoId

_IS_REFUSED = "select true from refused_content where sha256 = $1"
_LOCK_CONTENT = "select id, state, original from video_content where sha256 = $1 for no key update"
_ADD_CONTENT = """
    insert into video_content (sha256, original, bytes, pixels) values ($1, $2, $3, $4)
    on conflict (sha256) do nothing returning id
"""
_ADD = """
    insert into video (user_id, content_id, state, description, privacy, allow_comments, allow_duet, story, sound_id,
        duet_of, duet_layout, location_id, latitude, longitude, request)
    values ($1, $2, 'processing', $3, $4, $5, $6, $7, (select id from sound where id = $8), $9, $10, $11, $12, $13, $14)
    returning id
"""
_POSTED = "select id from video where user_id = $1 and request = $2 and state <> 'deleted'"
_JUST_POSTED = f"{_POSTED} and state <> 'failed' and created_at > now() - $3::interval"
_HAS_POSTED = """
    select true from (select created_at from video where user_id = $1 order by id desc limit 1) as newest
    where created_at > now() - $2::interval
"""
_LOCK_OWNER = "select true from app_user where id = $1 for share"
# One statement: a second one in the transaction would lock all rows that the video refers to, its content and its pinned
# comment among them, and those who change these lock the video after them.
_EDIT = """
    update video set description = coalesce($3, description), privacy = coalesce($4, privacy),
        allow_comments = coalesce($5, allow_comments), allow_duet = coalesce($6, allow_duet),
        location_id = case when $7 then $8 else location_id end,
        latitude = case when $7 then $9 else latitude end, longitude = case when $7 then $10 else longitude end
    where id = $1 and user_id = $2 and state <> 'deleted'
    returning description
"""
_MAY_DUET = f"""
    select video.allow_duet and (video.user_id = $2 or case coalesce(privacy_setting.duet, 'everyone')
        when 'everyone' then true
        when 'friends' then exists (select from follow where follower_id = $2 and followed_id = video.user_id)
            and exists (select from follow where follower_id = video.user_id and followed_id = $2)
        else false end) and not {are_blocked("video.user_id", "$2")}
    from video left join privacy_setting on privacy_setting.user_id = video.user_id where video.id = $1
"""


class StoredContent(NamedTuple):
    id: ContentId
    state: str
    original: str


async def is_refused(source: Connection | Database, sha256: bytes) -> bool:
    """Whether an operator has removed an upload with this hash."""
    return bool(await source.fetchval(_IS_REFUSED, sha256))


async def lock_content(connection: Connection, sha256: bytes) -> StoredContent | None:
    """The content of equal uploads, locked against its deletion."""
    row = await connection.fetchrow(_LOCK_CONTENT, sha256)
    return None if row is None else StoredContent(**row)


async def add_content(connection: Connection, sha256: bytes, original: str, size: int, pixels: int) -> ContentId | None:
    """None: an equal upload has added it meanwhile."""
    content_id: ContentId | None = await connection.fetchval(_ADD_CONTENT, sha256, original, size, pixels)
    return content_id


async def add(connection: Connection, user_id: UserId, content_id: ContentId, *values: object) -> VideoId:
    """`values`: as in the statement."""
    video_id: VideoId = await connection.fetchval(_ADD, user_id, content_id, *values)
    return video_id


async def posted(database: Database, user_id: UserId, request: bytes) -> VideoId | None:
    """The user's video that this call has posted, unless it is deleted."""
    video_id: VideoId | None = await database.fetchval(_POSTED, user_id, request)
    return video_id


async def just_posted(
    source: Connection | Database, user_id: UserId, request: bytes, within: dt.timedelta
) -> VideoId | None:
    """The same, if it was posted within this time and has not failed."""
    video_id: VideoId | None = await source.fetchval(_JUST_POSTED, user_id, request, within)
    return video_id


async def has_posted(database: Database, user_id: UserId, within: dt.timedelta) -> bool:
    """Whether the user's newest video is not older than this."""
    return await database.fetchval(_HAS_POSTED, user_id, within) is not None


async def lock_owner(connection: Connection, user_id: UserId) -> None:
    """Before the user's videos, as a ban, a deletion and a private account do."""
    await connection.execute(_LOCK_OWNER, user_id)


async def edit(
    connection: Connection,
    user_id: UserId,
    video_id: VideoId,
    description: str | None,
    privacy: Privacy | None,
    allow_comments: bool | None,
    allow_duet: bool | None,
    place: GivenPlace | None,
) -> str | None:
    """None stays as it is. Returns the description of the video; None: the user has no such video."""
    is_placed, at = place is not None, place or GivenPlace()
    values = (video_id, user_id, description, privacy, allow_comments, allow_duet)
    location_id = await place_id(connection, at)
    changed: str | None = await connection.fetchval(_EDIT, *values, is_placed, location_id, at.latitude, at.longitude)
    return changed


async def may_duet(database: Database, video_id: VideoId, user_id: UserId) -> bool:
    """Whether the video, which the user sees, may be answered by a duet of this user."""
    return bool(await database.fetchval(_MAY_DUET, video_id, user_id))
