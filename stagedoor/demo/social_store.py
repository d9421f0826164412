"""SQL of what demo users did before the first start, with the times at which they did it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.inbox.model import Kind
from control_plane.messages.model import ConversationId, Number
from control_plane.videos.comments.model import CommentId
from control_plane.videos.video import VideoId

# Ids follow the times, because lists are in the order of the ids.
_FOLLOW = """
    insert into follow (follower_id, followed_id, followed_at)
    select * from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as act (user_id, other_id, at) order by at
"""
_REQUEST = """
    insert into follow_request (requester_id, requested_id, requested_at)
    select * from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as act (user_id, other_id, at) order by at
"""
_BLOCK = """
    insert into block (blocker_id, blocked_id, blocked_at)
    select * from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as act (user_id, other_id, at) order by at
"""
_SHOW_VISITS_OF = "update app_user set profile_view = true where id = any($1::integer[])"
_VISIT = """
    insert into profile_visit (visitor_id, user_id, visited_at, seen)
    select *, at < $4 from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as act (user_id, other_id, at) order by at
"""
_TELL = """
    with told as (
        select *, row_number() over (partition by receiver_id order by at, sender_id) as number
        from unnest($1::integer[], $2::integer[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[], $7::integer[], $8::bigint[])
            as told (receiver_id, sender_id, kind, text, at, read, video_id, subject_id)
    ), numbered as (
        update inbox set last_number = (select count(*) from told where receiver_id = user_id)
    )
    insert into inbox_entry (receiver_id, number, sender_id, kind, text, created_at, read, video_id, subject_id)
    select receiver_id, number, sender_id, kind, text, at, read, nullif(video_id, 0), subject_id from told
"""
_REACTION = """
    insert into {} (user_id, {}, created_at)
    select * from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as act (user_id, other_id, at) order by at
"""
_REACT = {
    **{table: _REACTION.format(table, "video_id") for table in ("video_like", "video_favourite", "video_repost")},
    "comment_like": _REACTION.format("comment_like", "comment_id"),
}
_COMMENT = "insert into video_comment (video_id, user_id, parent_id, text, created_at) values ($1, $2, $3, $4, $5) returning id"
_SENT_AT = "update message set sent_at = $3 where conversation_id = $1 and number = $2"
_BEGUN = """
    update conversation set created_at = (select min(sent_at) from message where conversation_id = conversation.id)
"""
_FREE_OF_LIMITS = "update mailbox set period_sent = 0"


class Act(NamedTuple):
    user_id: UserId
    other_id: int
    """Another user, a video or a comment."""
    at: dt.datetime


class Told(NamedTuple):
    receiver_id: UserId
    sender_id: UserId
    kind: Kind
    text: str
    at: dt.datetime
    read: bool
    video_id: int = 0
    subject_id: int = 0


Acts: TypeAlias = Sequence[Act]


async def follow(connection: Connection, acts: Acts) -> None:
    await connection.execute(_FOLLOW, *_columns(acts))


async def request(connection: Connection, acts: Acts) -> None:
    await connection.execute(_REQUEST, *_columns(acts))


async def block(connection: Connection, acts: Acts) -> None:
    await connection.execute(_BLOCK, *_columns(acts))


async def visit(connection: Connection, acts: Acts, seen_until: dt.datetime) -> None:
    """The visitors are users who let others see their visits."""
    await connection.execute(_SHOW_VISITS_OF, [act.user_id for act in acts])
    await connection.execute(_VISIT, *_columns(acts), seen_until)


async def react(connection: Connection, table: str, acts: Acts) -> None:
    """`table`: of likes, favourites or reposts of videos, or of likes of comments."""
    await connection.execute(_REACT[table], *_columns(acts))


async def comment(
    connection: Connection, video_id: VideoId, user_id: UserId, text: str, at: dt.datetime, parent: CommentId | None
) -> CommentId:
    comment_id: CommentId = await connection.fetchval(_COMMENT, video_id, user_id, parent, text, at)
    return comment_id


async def tell(connection: Connection, entries: Sequence[Told]) -> None:
    """Fill the inboxes, which are empty."""
    await connection.execute(_TELL, *zip(*entries, strict=True))


async def date_message(
    connection: Connection, conversation_id: ConversationId, number: Number, at: dt.datetime
) -> None:
    await connection.execute(_SENT_AT, conversation_id, number, at)


async def finish_messages(connection: Connection) -> None:
    """Conversations began with their first messages, and these do not count for the limits of now."""
    await connection.execute(_BEGUN)
    await connection.execute(_FREE_OF_LIMITS)


def _columns(acts: Acts) -> tuple[tuple[object, ...], ...]:
    return tuple(zip(*acts, strict=True))
