"""SQL of comments and of their likes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row
from control_plane.social.blocks_store import blocked_with
from control_plane.social.model import Viewer
from control_plane.videos.comments.model import Comment, CommentId, CommentLike
from control_plane.videos.pages import Start
from control_plane.videos.sight import sees
from control_plane.videos.video import VideoId

NESTED = 10
"""The newest replies that a comment has with it in a page. More: a page of ten comments is larger. Fewer: apps without
pages of replies show less of a discussion."""
LOOKED_AT = 5_000
"""Comments of a page that are read for visible ones. More: many comments of hidden users make a page slow. Fewer: visible ones
below them are not reached."""
REPLIES_LOOKED_AT = 200
"""The same for the replies that a comment has with it."""


def _shown(author: str, viewer: str) -> str:
    """SQL: the viewer sees the author of a comment."""
    return f"(select true from visible_user where id = {author}) and {author} not in {blocked_with(viewer)}"


def _comments(picked: str, viewer: str) -> str:
    """A statement that returns comments as `_comment` reads them, in the order of `picked`, a select of an `id`. The ids
    are collected first, as in `control_plane/videos/store.py`."""
    return f"""
        with picked as materialized (select array_agg(id) as ids from ({picked}) as one)
        select
            c.id, c.video_id, c.user_id, c.parent_id, c.text, c.created_at,
            {value_of("comment.likes", "c.id")} as likes, {value_of("comment.replies", "c.id")} as replies,
            (select true from comment_like where comment_id = c.id and user_id = {viewer}) is not null as liked,
            (select true from comment_like where comment_id = c.id and user_id = v.user_id) is not null as owner_liked
        from unnest((select ids from picked)) with ordinality as chosen (id, number)
        join video_comment c on c.id = chosen.id
        join video v on v.id = c.video_id
        order by chosen.number
    """


_PINNED = _comments(
    f"""
        select comment.id from video join video_comment comment on comment.id = video.pin_comment_id
        where video.id = $1 and {_shown("comment.user_id", "$2::integer")}
    """,
    "$2::integer",
)
_NEWEST = _comments(
    f"""
        select id from (
            select id, user_id from video_comment where video_id = $1 and parent_id is null and id < $5::bigint
            order by id desc limit (select {LOOKED_AT})) as newest
        where id is distinct from (select pin_comment_id from video where id = $1)
            and {_shown("newest.user_id", "$2::integer")}
        order by id desc limit $3 offset $4
    """,
    "$2::integer",
)
_REPLIES = _comments(
    f"""
        select id from (
            select id, user_id from video_comment where parent_id = $1 and id < $5::bigint
            order by id desc limit (select {LOOKED_AT})) as newest
        where {_shown("newest.user_id", "$2::integer")}
        order by id desc limit $3 offset $4
    """,
    "$2::integer",
)
_NESTED = _comments(
    f"""
        select reply.id from unnest($1::integer[]) with ordinality as parent (id, number)
        cross join lateral (
            select id from (
                select id, user_id from video_comment where parent_id = parent.id
                order by id desc limit (select {REPLIES_LOOKED_AT})) as newest
            where {_shown("newest.user_id", "$2::integer")}
            order by id desc limit $3) as reply
        order by parent.number, reply.id
    """,
    "$2::integer",
)
# Of a reply, the viewer has to see the author of the comment that it belongs to, too.
_SEEN = _comments(
    f"""
        select c.id from video_comment c join video on video.id = c.video_id
        left join video_comment parent on parent.id = c.parent_id
        where c.id = $1 and {sees("video", "$2::integer")} and {_shown("c.user_id", "$2::integer")}
            and (parent.id is null or ({_shown("parent.user_id", "$2::integer")}))
    """,
    "$2::integer",
)
_WRITTEN = _comments("select id from video_comment where id = $1", "null::integer")

_RECENT = """
    select
        coalesce((select created_at from video_comment where user_id = $1 order by id desc limit 1 offset $2 - 1)
            > now() - interval '1 minute', false) as many_in_minute,
        coalesce((select created_at from video_comment where user_id = $1 order by id desc limit 1 offset $3 - 1)
            > now() - interval '1 day', false) as many_today
"""
_LAST = """
    select id from (select * from video_comment where user_id = $1 order by id desc limit 1) as last
    where video_id = $2 and parent_id is not distinct from $3 and text = $4 and created_at > now() - $5::interval
"""
_AUDIENCE = f"""
    select v.user_id as owner_id, v.allow_comments, s.video_comment as audience,
        (select true from follow where follower_id = $2 and followed_id = v.user_id) is not null
            and (select true from follow where follower_id = v.user_id and followed_id = $2) is not null as friends
    from video v join privacy_setting s on s.user_id = v.user_id
    where v.id = $1 and {sees("v", "$2::integer")}
"""
_LOCK = "select true from video_comment where id = $1 for key share"
_ADD = "insert into video_comment (video_id, user_id, parent_id, text) values ($1, $2, $3, $4) returning id"
_WHO_SEES = f"""
    select wanted.id from unnest($2::integer[]) as wanted (id) join video v on v.id = $1
    where {sees("v", "wanted.id")}
"""

_LIKE = "insert into comment_like (comment_id, user_id) values ($1, $2)"
_UNLIKE = "delete from comment_like where comment_id = $1 and user_id = $2"
_LIKE_OF = "select id, user_id, comment_id, created_at from comment_like where comment_id = $1 and user_id = $2"

_MAY_DELETE = """
    select true from video_comment c join video v on v.id = c.video_id
    where c.id = $1 and (c.user_id = $2 or v.user_id = $2) and v.state <> 'deleted'
"""
_LOCK_WHOLE = "select id from video_comment where id = $1 for update"
_LOCK_REPLIES = "select id from video_comment where parent_id = $1 order by id for update"
_DELETE = "delete from video_comment where id = $1 returning video_id"


def _comment(row: Row) -> Comment:
    return Comment(
        id=row["id"],
        video_id=row["video_id"],
        user_id=row["user_id"],
        parent_id=row["parent_id"],
        text=row["text"],
        created_at=row["created_at"],
        likes=row["likes"],
        replies=row["replies"],
        liked=row["liked"],
        owner_liked=row["owner_liked"],
    )


async def pinned(database: Database, viewer: Viewer, video_id: VideoId) -> Sequence[Comment]:
    """The pinned comment, if there is one and the viewer sees its author."""
    return [_comment(row) for row in await database.fetch(_PINNED, video_id, viewer)]


async def newest(database: Database, viewer: Viewer, video_id: VideoId, size: int, start: Start) -> Sequence[Comment]:
    """Comments of a video but the pinned one, the newest first."""
    rows = await database.fetch(_NEWEST, video_id, viewer, size, start.offset, start.before)
    return [_comment(row) for row in rows]


async def nested(
    database: Database, viewer: Viewer, comment_ids: Sequence[CommentId]
) -> Mapping[CommentId, Sequence[Comment]]:
    """The newest replies to each comment, the oldest of them first."""
    replies: dict[CommentId, list[Comment]] = {}
    if comment_ids:
        for row in await database.fetch(_NESTED, comment_ids, viewer, NESTED):
            replies.setdefault(row["parent_id"], []).append(_comment(row))
    return replies


async def replies(
    database: Database, viewer: Viewer, comment_id: CommentId, size: int, start: Start
) -> Sequence[Comment]:
    """The newest first."""
    rows = await database.fetch(_REPLIES, comment_id, viewer, size, start.offset, start.before)
    return [_comment(row) for row in rows]


async def seen(source: Connection | Database, viewer: Viewer, comment_id: CommentId) -> Comment | None:
    """None: there is no such comment, or the viewer does not see it."""
    row = await source.fetchrow(_SEEN, comment_id, viewer)
    return None if row is None else _comment(row)


async def written(source: Connection | Database, comment_id: CommentId) -> Comment | None:
    """Whoever may see it. None: there is no such comment."""
    row = await source.fetchrow(_WRITTEN, comment_id)
    return None if row is None else _comment(row)


class Recent(NamedTuple):
    many_in_minute: bool
    many_today: bool


async def recent(connection: Connection, user_id: UserId, most_in_minute: int, most_a_day: int) -> Recent:
    """Whether the user has written as many comments as that. Deleted ones are not there."""
    row = present(await connection.fetchrow(_RECENT, user_id, most_in_minute, most_a_day), "a select without from")
    return Recent(row["many_in_minute"], row["many_today"])


async def repeated(
    connection: Connection,
    user_id: UserId,
    video_id: VideoId,
    parent_id: CommentId | None,
    text: str,
    within: dt.timedelta,
) -> CommentId | None:
    """The user's last comment if it says the same in the same place."""
    found: CommentId | None = await connection.fetchval(_LAST, user_id, video_id, parent_id, text, within)
    return found


class Audience(NamedTuple):
    """Who may comment a video."""

    owner_id: UserId
    allow_comments: bool
    audience: str
    """The owner's privacy setting."""
    friends: bool
    """Owner and viewer follow each other."""


async def audience(connection: Connection, user_id: UserId, video_id: VideoId) -> Audience | None:
    """None: the user does not see the video."""
    row = await connection.fetchrow(_AUDIENCE, video_id, user_id)
    return None if row is None else Audience(**row)


async def lock(connection: Connection, comment_id: CommentId) -> bool:
    """The comment is not deleted until the transaction ends. False: there is no such comment."""
    return await connection.fetchval(_LOCK, comment_id) is not None


async def add(
    connection: Connection, video_id: VideoId, user_id: UserId, parent_id: CommentId | None, text: str
) -> CommentId:
    comment_id: CommentId = await connection.fetchval(_ADD, video_id, user_id, parent_id, text)
    return comment_id


async def who_sees(connection: Connection, video_id: VideoId, user_ids: Sequence[UserId]) -> list[UserId]:
    """Those of these users who see the video."""
    return [row["id"] for row in await connection.fetch(_WHO_SEES, video_id, user_ids)]


async def like(connection: Connection, comment_id: CommentId, user_id: UserId) -> None:
    await connection.execute(_LIKE, comment_id, user_id)


async def unlike(connection: Connection, comment_id: CommentId, user_id: UserId) -> None:
    await connection.execute(_UNLIKE, comment_id, user_id)


async def like_of(connection: Connection, comment_id: CommentId, user_id: UserId) -> CommentLike | None:
    row = await connection.fetchrow(_LIKE_OF, comment_id, user_id)
    return None if row is None else CommentLike(**row)


async def may_delete(connection: Connection, comment_id: CommentId, user_id: UserId) -> bool:
    """Whether there is such a comment, and the user is its author or the owner of the video."""
    return await connection.fetchval(_MAY_DELETE, comment_id, user_id) is not None


async def lock_thread(connection: Connection, comment_id: CommentId) -> list[CommentId]:
    """The comment and its replies, to which none are added and which get no likes until the transaction ends. None if there
    is no such comment."""
    if await connection.fetchval(_LOCK_WHOLE, comment_id) is None:
        return []
    replies = await connection.fetch(_LOCK_REPLIES, comment_id)
    return [comment_id, *(row["id"] for row in replies)]


async def delete(connection: Connection, comment_id: CommentId) -> VideoId | None:
    """Delete a comment with its replies. Returns its video. None: there is no such comment."""
    video_id: VideoId | None = await connection.fetchval(_DELETE, comment_id)
    return video_id
