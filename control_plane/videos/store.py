"""SQL of videos and sounds: the one way from ids to videos, and what writes the table `video`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row
from control_plane.social.model import Viewer
from control_plane.videos.pages import NEWEST
from control_plane.videos.sight import IN_FEEDS, is_one, sees
from control_plane.videos.video import (
    Content,
    ContentId,
    Counts,
    Mine,
    Place,
    Privacy,
    Sound,
    State,
    Video,
    VideoId,
)


def _mine(table: str, viewer: str) -> str:
    return f"(select true from {table} where video_id = v.id and user_id = {viewer}) is not null"


def page_of(picked: str, viewer: str) -> str:
    """A statement that returns videos as `video_of` reads them, with their `key`, in the order of `picked`: a select of an
    `id` and a `key`. `viewer`: SQL of the viewer's id.

    The ids are collected first, so that skipped rows are neither joined nor counted, and as an array: a generic plan
    expects a tenth of the table from a subquery with `limit $1` and scans all of it for the join, but expects ten ids from
    an array.
    """
    return f"""
        with picked as materialized (select array_agg(id) as ids, array_agg(key) as keys from ({picked}) as one)
        select
            v.id, v.user_id, {viewer} as viewer_id, v.description, v.state, v.privacy, v.hidden, v.allow_comments,
            v.allow_duet, v.story, v.pinned,
            coalesce(v.pin_comment_id, 0) as pin_comment_id, v.duet_of, v.latitude, v.longitude, v.created_at,
            (select user_id from video where id = v.duet_of and state = 'ready') as duet_user_id,
            c.media, c.small, c.poster, c.preview, c.width, c.height, c.duration_ms, c.progress,
            case v.state when 'failed' then c.failure else '' end as failure,
            s.id as s_id, s.name as s_name, s.description as s_description, s.audio as s_audio, s.picture as s_picture,
            s.duration_ms as s_duration_ms, s.uploaded_by as s_uploaded_by, s.created_at as s_created_at,
            {value_of("sound.videos", "s.id")} as s_total_videos,
            l.id as l_id, l.name as l_name, l.string as l_string, l.google_place_id as l_google_place_id,
            l.created_at as l_created_at,
            n.likes, n.comments, n.favourites, n.reposts, n.shares, n.views,
            {_mine("video_like", viewer)} as liked, {_mine("video_favourite", viewer)} as favourite,
            {_mine("video_repost", viewer)} as reposted, chosen.key
        from unnest((select ids from picked), (select keys from picked)) with ordinality as chosen (id, key, number)
        join video v on v.id = chosen.id
        join video_content c on c.id = v.content_id
        left join sound s on s.id = v.sound_id
        left join location l on l.id = v.location_id
        cross join lateral (
            select
                coalesce(sum(likes), 0)::bigint as likes, coalesce(sum(comments), 0)::bigint as comments,
                coalesce(sum(favourites), 0)::bigint as favourites, coalesce(sum(reposts), 0)::bigint as reposts,
                coalesce(sum(shares), 0)::bigint as shares, coalesce(sum(views), 0)::bigint as views
            from video_count where video_id = v.id) as n
        order by chosen.number
    """


LOOKED_AT = 1_000
"""Videos of one user that are looked through for those that the viewer sees. More: slower for users whose videos are nearly all
private. Fewer: their profiles show less."""

_NEWEST_OF = page_of(
    f"""
        select newest.id, 0::bigint as key from unnest($1::integer[]) as owner (id)
        cross join lateral (
            select id from video where {is_one("user_id", "owner.id")} and {IN_FEEDS}
            order by user_id, id desc limit $2) as newest
        order by newest.id desc
    """,
    "$3::integer",
)
_ON_PROFILE = page_of(
    f"""
        select id, profile_rank as key
        from (
            select * from video where user_id = $1::integer and profile_rank < $4::bigint and state <> 'deleted'
            order by profile_rank desc limit (select {LOOKED_AT})) as video
        where not story and {sees("video", "$3::integer")} order by profile_rank desc limit $2::integer
    """,
    "$3::integer",
)
_SEEN = page_of(
    f"""
        select video.id, 0::bigint as key from unnest($1::integer[]) with ordinality as wanted (id, number)
        join video on video.id = wanted.id where {sees("video", "$2::integer")} order by wanted.number
    """,
    "$2::integer",
)
_IDS_SEEN = f"select id from video where id = any($1::integer[]) and {sees('video', '$2::integer')}"

_ADD_SOUND = """
    insert into sound (name, description, audio, picture, duration_ms, uploaded_by)
    values ($1, '', $2, $3, $4, $5) returning id
"""
_ADD_CLIP = """
    insert into video_content (state, progress, media, poster, preview, width, height, duration_ms, created_at)
    values ('ready', 100, $1, $2, $3, $4, $5, $6, $7) returning id
"""
_ADD_VIDEO = """
    insert into video (user_id, description, content_id, sound_id, created_at, posted_at) values ($1, $2, $3, $4, $5, $5)
    returning id
"""
_SET_VIEWS = "insert into video_count (video_id, slot, views) values ($1, 0, $2)"
_EVIDENCE = """
    select v.user_id, v.description, v.privacy, v.created_at, array[c.poster, coalesce(nullif(c.small, ''), c.media)] as files
    from video v join video_content c on c.id = v.content_id where v.id = $1 and v.state <> 'deleted'
"""
_PIN_COMMENT = """
    update video set pin_comment_id = $3 where id = $1 and user_id = $2 and state <> 'deleted' returning true
"""
_PIN = "update video set pinned = $3 where id = $1 and user_id = $2 and state <> 'deleted'"


def video_of(row: Row) -> Video:
    """The video of a row of a statement of `page_of`."""
    return Video(
        id=row["id"],
        user_id=row["user_id"],
        viewer_id=row["viewer_id"],
        description=row["description"],
        state=State(row["state"]),
        privacy=Privacy(row["privacy"]),
        hidden=row["hidden"],
        allow_comments=row["allow_comments"],
        allow_duet=row["allow_duet"],
        story=row["story"],
        pinned=row["pinned"],
        pin_comment_id=row["pin_comment_id"],
        duet_of=row["duet_of"],
        duet_user_id=row["duet_user_id"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        created_at=row["created_at"],
        content=Content(
            media=row["media"],
            small=row["small"],
            poster=row["poster"],
            preview=row["preview"],
            width=row["width"],
            height=row["height"],
            duration_ms=row["duration_ms"],
            progress=row["progress"],
            failure=row["failure"],
        ),
        sound=None if row["s_id"] is None else _sound(row),
        place=None if row["l_id"] is None else _place(row),
        counts=Counts(
            likes=row["likes"],
            comments=row["comments"],
            favourites=row["favourites"],
            reposts=row["reposts"],
            shares=row["shares"],
            views=row["views"],
        ),
        mine=Mine(liked=row["liked"], favourite=row["favourite"], reposted=row["reposted"]),
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


def _place(row: Row) -> Place:
    return Place(
        id=row["l_id"],
        name=row["l_name"],
        string=row["l_string"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        google_place_id=row["l_google_place_id"],
        created_at=row["l_created_at"],
    )


async def newest_of(
    database: Database, viewer_id: Viewer, user_ids: Sequence[UserId], each: int
) -> dict[UserId, list[Video]]:
    """The newest public videos of each user, at most `each`. Private accounts have none."""
    found: dict[UserId, list[Video]] = {user_id: [] for user_id in user_ids}
    for row in await database.fetch(_NEWEST_OF, user_ids, each, viewer_id):
        video = video_of(row)
        found[video.user_id].append(video)
    return found


class OnProfile(NamedTuple):
    videos: Sequence[Video]
    next: int
    """The key below which the others are. 0: there are no more."""


async def on_profile(
    database: Database, viewer_id: Viewer, user_id: UserId, limit: int, before: int = NEWEST
) -> OnProfile:
    """What the viewer sees of one user's videos below a key: the pinned ones, then the newest."""
    rows = await database.fetch(_ON_PROFILE, user_id, limit + 1, viewer_id, before)
    shown = rows[:limit]
    return OnProfile([video_of(row) for row in shown], shown[-1]["key"] if len(rows) > limit else 0)


async def seen_by_ids(
    source: Connection | Database, viewer_id: Viewer, video_ids: Sequence[VideoId]
) -> dict[VideoId, Video]:
    """Those of these videos that the viewer sees, in the same order."""
    return {row["id"]: video_of(row) for row in await source.fetch(_SEEN, video_ids, viewer_id)}


async def ids_seen(database: Database, viewer_id: Viewer, video_ids: Sequence[int]) -> set[int]:
    """The ids of those of these videos that the viewer sees."""
    return {row["id"] for row in await database.fetch(_IDS_SEEN, video_ids, viewer_id)}


async def evidence(database: Database, video_id: VideoId) -> Row | None:
    return await database.fetchrow(_EVIDENCE, video_id)


async def add_sound(
    connection: Connection, *, name: str, audio: str, picture: str, duration_ms: int, uploaded_by: str
) -> int:
    """Returns the sound's id."""
    sound_id: int = await connection.fetchval(_ADD_SOUND, name, audio, picture, duration_ms, uploaded_by)
    return sound_id


async def add_clip(
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
    """Add a video that needs no processing: a clip of the demo."""
    values = (media, thumbnail, preview, width, height, duration_ms, created_at)
    content_id: ContentId = await connection.fetchval(_ADD_CLIP, *values)
    values_of_video = (user_id, description, content_id, sound_id, created_at)
    video_id: VideoId = await connection.fetchval(_ADD_VIDEO, *values_of_video)
    await connection.execute(_SET_VIEWS, video_id, views)
    return video_id


async def pin_comment(connection: Connection, user_id: UserId, video_id: VideoId, comment_id: int | None) -> bool:
    """Pin a comment on the user's video. None: no comment is pinned. False: the user has no such video."""
    return await connection.fetchval(_PIN_COMMENT, video_id, user_id, comment_id) is not None


async def pin(database: Database, video_id: VideoId, user_id: UserId, *, pinned: bool) -> bool:
    """False: the user has no such video."""
    return await database.execute(_PIN, video_id, user_id, pinned) != "UPDATE 0"
