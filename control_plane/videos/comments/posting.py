"""Posting a comment or a reply: checked and added in one transaction, which also enqueues the job that tells users."""

from __future__ import annotations

import datetime as dt
import time
import unicodedata
from collections.abc import Hashable
from dataclasses import dataclass

from cachetools import LRUCache

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database
from control_plane.videos import tags_store
from control_plane.videos.comments import store
from control_plane.videos.comments.model import (
    Comment,
    CommentId,
    CommentNotFound,
    CommentsNotAccepted,
    EmptyComment,
    TooManyComments,
    WordNotAllowed,
)
from control_plane.videos.comments.telling import tell_comment
from control_plane.videos.comments.words import BlockedWords
from control_plane.videos.tags import Mentions
from control_plane.videos.video import VideoId, VideoNotFound

MOST_IN_MINUTE = 20
"""Comments of one user. More: a script fills a discussion. Fewer: a quick conversation in replies is cut off."""
MOST_A_DAY = 500
"""More: one account reaches more videos with advertisements. Fewer: an owner cannot answer all comments on a video."""
_DAY_S = 86_400
REMEMBERED = 100_000
"""Counts of comments. Fewer: under load, a user who deletes comments posts more than the limits. More: more memory."""
REPEATED_WITHIN = dt.timedelta(seconds=10)
"""The same comment in the same place within this time is the first one: a double tap, or a call again whose answer was
lost. Longer: a user who means the second one does not see it."""
MOST_MENTIONED = 10
"""Users who are told of one comment. More: a comment tells users who have nothing to do with it."""

_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Categories of characters that show nothing by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComment:
    user_id: UserId
    video_id: VideoId
    text: str
    reply_to: CommentId | None = None
    """A comment or a reply. The reply to a reply belongs to the same comment."""
    mentions: Mentions = Mentions()


class CommentPosting:
    def __init__(self, database: Database, blocked_words: BlockedWords) -> None:
        self._database = database
        self._blocked_words = blocked_words
        self._posted: LRUCache[Hashable, int] = LRUCache(REMEMBERED)
        """Of each user in this minute and this day, with those that were deleted: they have told users, too."""

    async def post(self, new: NewComment) -> Comment:
        """Raises EmptyComment, WordNotAllowed, VideoNotFound, CommentsNotAccepted, CommentNotFound and TooManyComments."""
        if all(unicodedata.category(letter) in _UNSEEN for letter in new.text):
            raise EmptyComment
        if self._blocked_words.are_in(new.text):
            raise WordNotAllowed
        async with self._database.transaction() as connection:
            await lock_names(connection, f"comments/{new.user_id}")  # the limits hold for calls at the same time
            owner_id = await _accepting_owner(connection, new)
            answered = await _answered(connection, new)
            parent_id = (answered.parent_id or answered.id) if answered else None
            place = (new.user_id, new.video_id, parent_id, new.text)
            comment_id = await store.repeated(connection, *place, REPEATED_WITHIN)
            if comment_id is None:
                await self._count(connection, new.user_id)
                comment_id = await store.add(connection, new.video_id, new.user_id, parent_id, new.text)
                mentioned = await tags_store.mentioned(connection, new.user_id, new.mentions)
                await tell_comment.enqueue(
                    connection,
                    comment_id=comment_id,
                    owner_id=owner_id,
                    answered_id=answered.user_id if answered else 0,
                    mentioned_ids=[int(user_id) for user_id in mentioned[:MOST_MENTIONED]],
                )
            comment = await store.seen(connection, new.user_id, comment_id)
            if comment is None:
                raise VideoNotFound  # it was hidden from the author a moment ago
            return comment

    async def _count(self, connection: Connection, user_id: UserId) -> None:
        """Raises TooManyComments."""
        recent = await store.recent(connection, user_id, MOST_IN_MINUTE, MOST_A_DAY)
        minute, day = ((user_id, length, int(time.time() // length)) for length in (60, _DAY_S))
        posted: dict[Hashable, int] = {key: self._posted.get(key, 0) + 1 for key in (minute, day)}
        if recent.many_in_minute or posted[minute] > MOST_IN_MINUTE:
            raise TooManyComments("You are commenting very fast. Please wait a minute.")
        if recent.many_today or posted[day] > MOST_A_DAY:
            raise TooManyComments("You have written many comments today. Please try again tomorrow.")
        self._posted.update(posted)


async def _accepting_owner(connection: Connection, new: NewComment) -> UserId:
    """The owner of the video. Raises VideoNotFound and CommentsNotAccepted."""
    audience = await store.audience(connection, new.user_id, new.video_id)
    if audience is None:
        raise VideoNotFound
    if not audience.allow_comments:
        raise CommentsNotAccepted("Comments are turned off for this video.")
    if audience.owner_id != new.user_id:
        if audience.audience == "no_one":
            raise CommentsNotAccepted("The owner of this video does not accept comments.")
        if audience.audience == "friends" and not audience.friends:
            raise CommentsNotAccepted("Only friends of the owner can comment on this video.")
    return audience.owner_id


async def _answered(connection: Connection, new: NewComment) -> Comment | None:
    """The comment or reply that is replied to, which is not deleted meanwhile. Raises CommentNotFound."""
    if new.reply_to is None:
        return None
    comment = await store.seen(connection, new.user_id, new.reply_to)
    if comment is None or comment.video_id != new.video_id:
        raise CommentNotFound
    if not await store.lock(connection, comment.parent_id or comment.id):
        raise CommentNotFound
    return comment
