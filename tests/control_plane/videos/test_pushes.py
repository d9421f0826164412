"""Push messages that wait while their video or comment is hidden from their receiver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.videos.comments.changing import remove
from control_plane.videos.comments.model import CommentId
from control_plane.videos.video import VideoId
from tests.control_plane.people import new_user
from tests.control_plane.push.sending import Sending, sending
from tests.control_plane.social.relations import ban
from tests.control_plane.videos.added import added, delete

_COMMENT = "insert into video_comment (video_id, user_id, text) values ($1, $2, 'secret words') returning id"


async def _private(database: Database, video_id: VideoId) -> None:
    await database.execute("update video set privacy = 'private' where id = $1", video_id)


async def _owner_banned(database: Database, video_id: VideoId) -> None:
    await ban(database, await database.fetchval("select user_id from video where id = $1", video_id))


async def _comments(at: Sending, kind: Kind, video_id: VideoId, receiver_id: UserId) -> CommentId:
    """A comment of a new user, about which the receiver is told in words of this kind."""
    author = await new_user(at.database)
    comment_id: CommentId = await at.database.fetchval(_COMMENT, video_id, author)
    async with at.database.transaction() as connection:
        told = Told(kind, author, video_id=video_id, subject_id=comment_id, text="secret words")
        await tell(connection, told, [receiver_id])
    return comment_id


@pytest.mark.parametrize("hide", [_private, _owner_banned, delete])
@pytest.mark.parametrize("kind", [Kind.COMMENT_REPLY, Kind.MENTION, Kind.COMMENT_LIKE])
async def test_nothing_is_pushed_about_a_video_that_was_hidden_meanwhile(
    database: Database, hide: Callable[[Database, VideoId], Awaitable[None]], kind: Kind
) -> None:
    async with sending(database) as at:
        bob = await at.phone("phone")
        hidden, public = [await added(database, await new_user(database)) for _ in range(2)]
        await _comments(at, kind, hidden, bob)
        await _comments(at, kind, public, bob)
        await hide(database, hidden)
        await at.sender.send_waiting()
        assert [message["data"]["video_id"] for message in at.service.messages] == [str(public)]
        assert await at.waiting() == 0


async def test_nothing_is_pushed_about_a_comment_that_was_deleted_meanwhile(database: Database) -> None:
    async with sending(database) as at:
        ann = await at.phone("phone")
        video = await added(database, ann, privacy="private")
        deleted = await _comments(at, Kind.VIDEO_COMMENT, video, ann)
        kept = await _comments(at, Kind.VIDEO_COMMENT, video, ann)
        async with database.transaction() as connection:
            await remove(connection, deleted)
        await at.sender.send_waiting()
        author = await database.fetchval("select user_id from video_comment where id = $1", kept)
        assert [message["data"]["sender_id"] for message in at.service.messages] == [str(author)]


async def test_what_operators_decided_about_a_deleted_video_is_pushed(database: Database) -> None:
    async with sending(database) as at:
        ann = await at.phone("phone")
        video = await added(database, ann)
        await delete(database, video)
        async with database.transaction() as connection:
            await tell(connection, Told(Kind.DECISION, await new_user(database), video_id=video), [ann])
        await at.sender.send_waiting()
        assert [message["data"]["video_id"] for message in at.service.messages] == [str(video)]
