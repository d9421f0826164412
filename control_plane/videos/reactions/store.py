"""SQL of likes, favourites, reposts and shares, and of the videos that users are not interested in. Triggers count them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.videos.sight import sees
from control_plane.videos.video import VideoId


class Reaction(StrEnum):
    """What a user can turn on and off, by its table."""

    LIKE = "video_like"
    FAVOURITE = "video_favourite"
    REPOST = "video_repost"


_COUNTS = {Reaction.LIKE: "likes", Reaction.FAVOURITE: "favourites", Reaction.REPOST: "reposts"}
_STANDING = {
    table: f"""
        select video.user_id as owner_id, mine.id, mine.created_at,
            (select coalesce(sum({column}), 0)::bigint from video_count where video_id = video.id) as count
        from video left join {table} mine on mine.video_id = video.id and mine.user_id = $2
        where video.id = $1 and {sees("video", "$2::integer")}
    """
    for table, column in _COUNTS.items()
}
_ADD = {
    Reaction.LIKE: "insert into video_like (video_id, user_id) values ($1, $2) returning id, created_at",
    Reaction.FAVOURITE: "insert into video_favourite (video_id, user_id) values ($1, $2) returning id, created_at",
    Reaction.REPOST: """
        insert into video_repost (video_id, user_id, comment) values ($1, $2, $3) returning id, created_at
    """,
}
_REMOVE = {table: f"delete from {table} where video_id = $1 and user_id = $2" for table in _COUNTS}
_LIKED_OWNER = """
    select video.user_id from video_like join video on video.id = video_id
    where video_id = $1 and video_like.user_id = $2 and video.state <> 'deleted'
"""
_SHARE = f"""
    insert into video_share (video_id, user_id)
    select id, $2::integer from video where id = $1 and {sees("video", "$2::integer")} on conflict do nothing
"""
_PASS_OVER = f"""
    insert into not_interested (user_id, video_id)
    select $2::integer, id from video where id = $1 and {sees("video", "$2::integer")} on conflict do nothing returning true
"""
_FORGET_OLDEST = """
    delete from not_interested where user_id = $1 and video_id in (
        select video_id from not_interested where user_id = $1 order by created_at desc, video_id desc offset $2)
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A reaction of one user: its row."""

    id: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Standing:
    owner_id: UserId
    """Of the video."""
    mark: Mark | None
    """Of the user. None: the reaction is off."""
    count: int
    """Of all users."""


async def standing(connection: Connection, reaction: Reaction, video_id: VideoId, user_id: UserId) -> Standing | None:
    """None: the user does not see the video."""
    row = await connection.fetchrow(_STANDING[reaction], video_id, user_id)
    if row is None:
        return None
    return Standing(row["owner_id"], None if row["id"] is None else _mark(row), row["count"])


async def add(connection: Connection, reaction: Reaction, video_id: VideoId, user_id: UserId, comment: str) -> Mark:
    """`comment`: only of a repost."""
    values = (video_id, user_id, comment) if reaction is Reaction.REPOST else (video_id, user_id)
    return _mark(present(await connection.fetchrow(_ADD[reaction], *values), "an insert returns its row"))


async def remove(connection: Connection, reaction: Reaction, video_id: VideoId, user_id: UserId) -> None:
    await connection.execute(_REMOVE[reaction], video_id, user_id)


async def liked_owner(connection: Connection, video_id: VideoId, user_id: UserId) -> UserId | None:
    """The owner of a video that this user likes. None: the like or the video is gone."""
    owner_id: UserId | None = await connection.fetchval(_LIKED_OWNER, video_id, user_id)
    return owner_id


async def share(database: Database, video_id: VideoId, user_id: UserId) -> None:
    """Count a share, once a day. No effect on a video that the user does not see."""
    await database.execute(_SHARE, video_id, user_id)


async def pass_over(connection: Connection, video_id: VideoId, user_id: UserId, most: int) -> None:
    """Leave the video out of the user's feeds, and forget the oldest such videos above `most`. No effect on a video that
    the user does not see."""
    if await connection.fetchval(_PASS_OVER, video_id, user_id):
        await connection.execute(_FORGET_OLDEST, user_id, most)


def _mark(row: Row) -> Mark:
    return Mark(row["id"], row["created_at"])
