"""Comments on videos, with their replies, and likes of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType, field

from api.wire.person import User, Video
from api.wire.values import NO_TIME, Flag, Id, WireTime, wire_time
from control_plane.videos.comments import model


class VideoComment(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    video_id: Id = 0
    user_id: Id = 0
    comment: str = ""
    created: WireTime = NO_TIME
    like: Flag = 0
    """1: the caller likes it. The number of likes is `like_count`."""
    owner_like: Flag = 0
    """1: the owner of the video likes it."""
    like_count: int = 0
    comment_id: Id = 0
    """Of a reply: the comment that it belongs to."""
    parent_id: Id = 0
    """The same as `comment_id`."""
    reply_count: int = 0
    """All replies. Those that are not with the comment are read with `parent_id` in showVideoComments."""
    user: User | UnsetType = field(default=UNSET, name="User")
    """The author. Present in replies."""


class CommentItem(msgspec.Struct, frozen=True, kw_only=True):
    """`VideoCommentReply`, `Replies` and `Children` hold the same replies, because the apps read them in different
    places."""

    video_comment: VideoComment = field(name="VideoComment")
    user: User = field(name="User")
    """The author."""
    video: Video = field(name="Video")
    video_comment_reply: list[VideoComment] = field(default=[], name="VideoCommentReply")
    """The newest replies, the oldest of them first."""
    replies: list[VideoComment] = field(default=[], name="Replies")
    children: list[CommentItem] = field(default=[], name="Children")


class VideoCommentLike(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    """The user who likes it."""
    comment_id: Id = 0
    created: WireTime = NO_TIME
    owner_like: Flag = 0
    """1: the owner of the video likes it."""


class VideoCommentReplyLike(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    comment_reply_id: Id = 0
    created: WireTime = NO_TIME
    owner_like: Flag = 0


def comment_view(comment: model.Comment, author: User | UnsetType = UNSET) -> VideoComment:
    parent_id = comment.parent_id or 0
    return VideoComment(
        id=comment.id,
        video_id=comment.video_id,
        user_id=comment.user_id,
        comment=comment.text,
        created=wire_time(comment.created_at),
        like=int(comment.liked),
        owner_like=int(comment.owner_liked),
        like_count=comment.likes,
        comment_id=parent_id,
        parent_id=parent_id,
        reply_count=comment.replies,
        user=author,
    )


def comment_item(
    comment: model.Comment, author: User, video: Video, replies: Sequence[tuple[model.Comment, User]] = ()
) -> CommentItem:
    """`replies`: each with its author."""
    listed = [comment_view(reply, replier) for reply, replier in replies]
    return CommentItem(
        video_comment=comment_view(comment),
        user=author,
        video=video,
        video_comment_reply=listed,
        replies=listed,
        children=[comment_item(reply, replier, video) for reply, replier in replies],
    )


def like_view(like: model.CommentLike, comment: model.Comment) -> VideoCommentLike:
    return VideoCommentLike(
        id=like.id,
        user_id=like.user_id,
        comment_id=like.comment_id,
        created=wire_time(like.created_at),
        owner_like=int(comment.owner_liked),
    )


def reply_like_view(like: model.CommentLike, comment: model.Comment) -> VideoCommentReplyLike:
    return VideoCommentReplyLike(
        id=like.id,
        user_id=like.user_id,
        comment_reply_id=like.comment_id,
        created=wire_time(like.created_at),
        owner_like=int(comment.owner_liked),
    )
