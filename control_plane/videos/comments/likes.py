"""Likes of comments and replies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.social.toggles import Switch, Toggle, Toggles
from control_plane.videos.comments import store
from control_plane.videos.comments.model import Comment, CommentId, CommentLike, CommentNotFound
from control_plane.videos.comments.telling import tell_comment_like


@dataclass(frozen=True, slots=True)
class Liked:
    """A comment after a call that likes it or takes the like back."""

    comment: Comment
    like: CommentLike | None
    """The caller's. None: the caller does not like the comment any more."""


class Likes:
    def __init__(self, toggles: Toggles) -> None:
        self._toggles = toggles

    async def toggle(self, user_id: UserId, comment_id: CommentId, arrived: float, wanted: bool | None = None) -> Liked:
        """Like a comment or take the like back. `wanted`: the state to set. Raises CommentNotFound."""
        toggle = Toggle(what="comment_like", user_id=user_id, target_id=comment_id, wanted=wanted, arrived=arrived)
        return await self._toggles.run(toggle, partial(_change, user_id, comment_id))


async def _change(user_id: UserId, comment_id: CommentId, connection: Connection, switch: Switch) -> Liked:
    if not await store.lock(connection, comment_id):
        raise CommentNotFound
    comment = await _seen(connection, user_id, comment_id)
    if switch(comment.liked) == comment.liked:
        return Liked(comment, await store.like_of(connection, comment_id, user_id))
    if comment.liked:
        await store.unlike(connection, comment_id, user_id)
    else:
        await store.like(connection, comment_id, user_id)
        if comment.user_id != user_id:
            await tell_comment_like.set(key=f"comment_like/{comment_id}/{user_id}").enqueue(
                connection, comment_id=comment_id, user_id=user_id
            )
    return Liked(await _seen(connection, user_id, comment_id), await store.like_of(connection, comment_id, user_id))


async def _seen(connection: Connection, user_id: UserId, comment_id: CommentId) -> Comment:
    comment = await store.seen(connection, user_id, comment_id)
    if comment is None:
        raise CommentNotFound
    return comment
