"""SQL of videos and sounds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row
from control_plane.social.blocks_store import are_blocked, blocked_with
from control_plane.videos.video import Sound, Video, VideoId

_COLUMNS = f"""
    v.id, v.user_id, v.description, v.media, v.thumbnail, v.preview, v.duration_ms, v.width, v.height, v.privacy,
        v.allow_comments, v.allow_duet, v.views, v.created_at,
        s.id as s_id, s.name as s_name, s.description as s_description, s.audio as s_audio, s.picture as s_picture,
        s.duration_ms as s_duration_ms, s.uploaded_by as s_uploaded_by, s.created_at as s_created_at,
        {value_of("sound.videos", "s.id")} as s_total_videos
"""
_SHOWN = f"select {_COLUMNS} from video v left join sound s on s.id = v.sound_id"
_FEED = f"""
    {_SHOWN}
    where v.id = any (array(
        select id from video where privacy = 'public' and not hidden and user_id not in {blocked_with("$3::integer")}
        order by id desc limit $1 offset $2))
    order by v.id desc
"""
"""The ids are selected first, so that skipped rows are neither joined nor counted. They are selected as an array: a
generic plan expects a tenth of the table from a subquery with `limit $1` and scans all of it for the join, but expects
ten ids from an array."""

_NEWEST_OF = f"""
    {_SHOWN}
    where v.id = any (array(
        select newest.id from unnest($1::integer[]) as owner (id)
        cross join lateral (
            select id from video where user_id = owner.id and privacy = 'public' and not hidden order by id desc limit $2
        ) as newest))
    order by v.id desc
"""

_NEWEST = f"""
    {_SHOWN}
    where v.id = any (array(
        select id from video where user_id = $1 and privacy = 'public' order by id desc limit $2))
    order by v.id desc
"""


def sees(video: str, viewer: str) -> str:
    """An SQL condition: the viewer sees the video. The arguments are SQL, of the row and of the viewer's id. The videos of a
    private account are hidden, but not from its followers."""
    blocked = are_blocked(f"{video}.user_id", viewer)
    follows = f"(select true from follow where follower_id = {viewer} and followed_id = {video}.user_id)"
    exists = f"(select true from visible_user where id = {video}.user_id)"
    public = f"{video}.privacy = 'public' and (not {video}.hidden or {follows} and {exists}) and not {blocked}"
    return f"({video}.user_id = {viewer} or {public})"


_SEEN = f"""
    select {_COLUMNS} from video v left join sound s on s.id = v.sound_id
    where v.id = any($1::integer[]) and {sees("v", "$2::integer")}
"""

_ADD_SOUND = """
    insert into sound (name, description, audio, picture, duration_ms, uploaded_by)
    values ($1, '', $2, $3, $4, $5) returning id
"""
_ADD_VIDEO = """
    insert into video (user_id, description, media, thumbnail, preview, sound_id, duration_ms, width, height, views, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id
"""
_DELETE_OF = "delete from video where user_id = any($1::integer[])"
_EXPORT = """
    select id, description, media, sound_id, duration_ms, width, height, privacy, allow_comments, allow_duet, views, created_at
    from video where user_id = $1 and id < $2::bigint order by id desc limit $3
"""

DEEPEST = 5_000
"""Videos that can be reached by paging; the feed is empty past them. Every skipped video costs time, and more if it
changed since the last vacuum. Twice as many would take the last page over 5 ms (`bench/feed.py`)."""


def _video(row: Row) -> Video:
    return Video(
        id=row["id"],
        user_id=row["user_id"],
        description=row["description"],
        media=row["media"],
        thumbnail=row["thumbnail"],
        preview=row["preview"],
        sound=None if row["s_id"] is None else _sound(row),
        duration_ms=row["duration_ms"],
        width=row["width"],
        height=row["height"],
        privacy=row["privacy"],
        allow_comments=row["allow_comments"],
        allow_duet=row["allow_duet"],
        views=row["views"],
        created_at=row["created_at"],
    )


def _sound(row: Row) -> Sound:
    return Sound(
        id=row["s_id"],
        name=row["s_name"],
        description=row["s_description"],
        audio=row["s_audio"],
        picture=row["s_picture"],
        duration_ms=row["s_duration_ms"],
        uploaded_by=row["s_uploaded_by"],
        created_at=row["s_created_at"],
        total_videos=row["s_total_videos"],
    )


async def feed(database: Database, viewer_id: UserId | None, limit: int, offset: int) -> Sequence[Video]:
    """Public videos of users whom the viewer sees, without private accounts, newest first. Empty from offset `DEEPEST`
    on."""
    if offset >= DEEPEST:
        return []
    return [_video(row) for row in await database.fetch(_FEED, limit, offset, viewer_id)]


async def newest_of(database: Database, user_ids: Sequence[UserId], each: int) -> dict[UserId, list[Video]]:
    """The newest public videos of each user, at most `each`. Private accounts have none."""
    found: dict[UserId, list[Video]] = {user_id: [] for user_id in user_ids}
    for row in await database.fetch(_NEWEST_OF, user_ids, each):
        video = _video(row)
        found[video.user_id].append(video)
    return found


async def newest(database: Database, user_id: UserId, limit: int) -> list[Video]:
    """The newest public videos of one user, also of a private account: for viewers who may see its content."""
    return [_video(row) for row in await database.fetch(_NEWEST, user_id, limit)]


async def seen_by_ids(
    database: Database, viewer_id: UserId | None, video_ids: Sequence[VideoId]
) -> dict[VideoId, Video]:
    """Those of these videos that the viewer sees: the own ones, and public ones of users whose content the viewer sees."""
    return {row["id"]: _video(row) for row in await database.fetch(_SEEN, video_ids, viewer_id)}


async def add_sound(
    connection: Connection, *, name: str, audio: str, picture: str, duration_ms: int, uploaded_by: str
) -> int:
    """Returns the sound's id."""
    sound_id: int = await connection.fetchval(_ADD_SOUND, name, audio, picture, duration_ms, uploaded_by)
    return sound_id


async def add_video(
    connection: Connection,
    *,
    user_id: UserId,
    description: str,
    media: str,
    thumbnail: str,
    preview: str,
    sound_id: int,
    duration_ms: int,
    width: int,
    height: int,
    views: int,
    created_at: dt.datetime,
) -> VideoId:
    values = (user_id, description, media, thumbnail, preview, sound_id, duration_ms, width, height, views, created_at)
    video_id: VideoId = await connection.fetchval(_ADD_VIDEO, *values)
    return video_id


async def delete_of(connection: Connection, user_ids: Sequence[UserId]) -> None:
    """Delete these users' videos from the database. The media files stay."""
    await connection.execute(_DELETE_OF, user_ids)


async def exported_videos(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)
