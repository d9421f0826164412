"""Jobs that tell users of comments, replies, mentions and likes of comments. Not in the transactions of these: all who
comment on one video would wait there for its owner's inbox, each with a connection of the pool."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.jobs.kind import job
from control_plane.videos.comments import store
from control_plane.videos.comments.model import CommentId


@job(at_once=2)
async def tell_comment(
    database: Database, comment_id: int, owner_id: int, answered_id: int, mentioned_ids: list[int]
) -> None:
    """Tell each receiver once: of a reply, of a comment on the own video, or of being mentioned. `answered_id`: the author
    of the comment that this one replies to, or 0. A second run tells only those whom the first one did not reach."""
    kinds = dict.fromkeys((UserId(id_) for id_ in mentioned_ids), Kind.MENTION)
    kinds[UserId(owner_id)] = Kind.VIDEO_COMMENT
    if answered_id:
        kinds[UserId(answered_id)] = Kind.COMMENT_REPLY
    for kind in set(kinds.values()):
        await _tell(database, CommentId(comment_id), kind, [id_ for id_, told in kinds.items() if told is kind])


async def _tell(database: Database, comment_id: CommentId, kind: Kind, receiver_ids: list[UserId]) -> None:
    """Users who do not see the video are not told."""
    async with database.transaction() as connection:
        await store.lock(connection, comment_id)
        comment = await store.written(connection, comment_id)
        if comment is not None:
            told = Told(kind, comment.user_id, video_id=comment.video_id, subject_id=comment_id, text=comment.text)
            await tell(connection, told, await store.who_sees(connection, comment.video_id, receiver_ids))


@job(at_once=2)
async def tell_comment_like(database: Database, comment_id: int, user_id: int) -> None:
    """Tell the author of a comment that the user likes it, if that is still so and the author sees the video."""
    async with database.transaction() as connection:
        await store.lock(connection, CommentId(comment_id))
        comment = await store.written(connection, CommentId(comment_id))
        if comment is not None and await store.like_of(connection, comment.id, UserId(user_id)) is not None:
            told = Told(Kind.COMMENT_LIKE, UserId(user_id), video_id=comment.video_id, subject_id=comment.id)
            await tell(connection, told, await store.who_sees(connection, comment.video_id, [comment.user_id]))
