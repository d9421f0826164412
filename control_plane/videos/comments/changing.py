"""Deleting and pinning comments."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind
from control_plane.inbox.telling import retract
from control_plane.videos import store as videos
from control_plane.videos.comments import store
from control_plane.videos.comments.model import CommentId, CommentNotFound, NotYourComment, NotYourVideo
from control_plane.videos.video import VideoId, VideoNotFound

ABOUT_COMMENTS = (Kind.VIDEO_COMMENT, Kind.COMMENT_REPLY, Kind.MENTION, Kind.COMMENT_LIKE)


async def delete(database: Database, user_id: UserId, comment_id: CommentId) -> None:
    """Delete a comment with its replies, as its author or as the owner of the video. Raises CommentNotFound and
    NotYourComment."""
    async with database.transaction() as connection:
        if not await store.may_delete(connection, comment_id, user_id):
            seen = await store.seen(connection, user_id, comment_id)
            raise CommentNotFound if seen is None else NotYourComment
        await remove(connection, comment_id)


async def remove(connection: Connection, comment_id: CommentId) -> None:
    """Delete a comment with its replies, and what inboxes say about them. No effect if there is none."""
    thread_ids = await store.lock_thread(connection, comment_id)
    video_id = await store.delete(connection, comment_id)
    if video_id is not None:
        await retract(connection, ABOUT_COMMENTS, video_id, thread_ids)


async def pin(database: Database, user_id: UserId, video_id: VideoId, comment_id: CommentId | None) -> None:
    """Show a comment above the others of the user's own video, or none any more. Raises VideoNotFound, NotYourVideo and
    CommentNotFound."""
    async with database.transaction() as connection:
        if comment_id is not None:
            await _check_pinnable(connection, user_id, video_id, comment_id)
        if not await videos.pin_comment(connection, user_id, video_id, comment_id):
            seen = await videos.seen_by_ids(connection, user_id, [video_id])
            raise NotYourVideo if seen else VideoNotFound


async def _check_pinnable(connection: Connection, user_id: UserId, video_id: VideoId, comment_id: CommentId) -> None:
    """Raises CommentNotFound. The comment is not deleted meanwhile."""
    await store.lock(connection, comment_id)
    comment = await store.seen(connection, user_id, comment_id)
    if comment is None or comment.video_id != video_id or comment.parent_id is not None:
        raise CommentNotFound
