"""What can be reported: users, streams, direct messages, videos and comments. `stagedoor/parts/reports.py` lists all
kinds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from control_plane.accounts import store as accounts
from control_plane.accounts.profile_media import ProfileMedia
from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.messages.evidence import evidence
from control_plane.messages.model import ConversationId, Number
from control_plane.reports.model import Snapshot, Thing
from control_plane.storage.files import Files
from control_plane.storage.model import FileName, StorageUnavailable, is_stored
from control_plane.streams import store as stream_store
from control_plane.videos.comments import store as comment_store
from control_plane.videos.comments.changing import remove as remove_comment
from control_plane.videos.comments.model import CommentId
from control_plane.videos.deletion import remove as remove_video
from control_plane.videos.evidence import evidence as video_evidence
from control_plane.videos.video import VideoId

log = logging.getLogger(__name__)

EVIDENCE = "evidence"
"""The kind of the private copies in storage."""
_NO_TEXTS = accounts.EditedProfile(
    first_name="",
    last_name="",
    gender=None,
    bio="",
    website="",
    dob=None,
    profile_pic=None,
    private=None,
    profile_view=None,
)


def users(database: Database, media: ProfileMedia) -> Thing:
    reported = _Users(database, media)
    return Thing(reported.snapshot, reported.remove)


def streams(database: Database, files: Files, thumbnail: Callable[[StreamId], Path]) -> Thing:
    """`thumbnail`: where the picture of a stream is, if it has one."""
    return Thing(_Streams(database, files, thumbnail).snapshot)


def messages(database: Database) -> Thing:
    """A message has the id `<conversation>:<number>`."""

    async def snapshot(thing_id: str) -> Snapshot | None:
        conversation_id, _, number = thing_id.partition(":")
        found = await evidence(database, ConversationId(int(conversation_id)), Number(int(number)))
        if found is None:
            return None
        shown: dict[str, str | int] = {
            "kind": found.kind.value,
            "text": found.text,
            "video_id": found.video_id,
            "stream_id": found.stream_id,
            "sent_at": f"{found.sent_at:%Y-%m-%d %H:%M:%S} UTC",
        }
        return Snapshot(found.sender_id, shown, [found.picture] if found.picture else [])

    return Thing(snapshot)


def videos(database: Database) -> Thing:
    async def snapshot(thing_id: str) -> Snapshot | None:
        found = await video_evidence(database, VideoId(int(thing_id)))
        if found is None:
            return None
        shown: dict[str, str | int] = {
            "description": found.description,
            "privacy": found.privacy.value,
            "posted_at": f"{found.created_at:%Y-%m-%d %H:%M:%S} UTC",
        }
        return Snapshot(found.user_id, shown, found.files)

    async def remove(connection: Connection, thing_id: str) -> None:
        """With all videos of equal uploads, which are refused from now on."""
        await remove_video(connection, VideoId(int(thing_id)))

    return Thing(snapshot, remove)


def comments(database: Database) -> Thing:
    async def snapshot(thing_id: str) -> Snapshot | None:
        found = await comment_store.written(database, CommentId(int(thing_id)))
        if found is None:
            return None
        shown: dict[str, str | int] = {
            "text": found.text,
            "video_id": found.video_id,
            "created_at": f"{found.created_at:%Y-%m-%d %H:%M:%S} UTC",
        }
        return Snapshot(found.user_id, shown)

    async def remove(connection: Connection, thing_id: str) -> None:
        await remove_comment(connection, CommentId(int(thing_id)))

    return Thing(snapshot, remove)


class _Users:
    def __init__(self, database: Database, media: ProfileMedia) -> None:
        self._database = database
        self._media = media

    async def snapshot(self, thing_id: str) -> Snapshot | None:
        """None for banned and deleted users. No other user sees them."""
        user = await accounts.by_id(self._database, UserId(int(thing_id)))
        if user is None or user.banned_at is not None:
            return None
        pictures = (user.profile_pic, user.profile_pic_small, user.profile_gif, user.profile_video)
        return Snapshot(
            user.id,
            {
                "username": user.username,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "bio": user.bio,
                "website": user.website,
                "profile_pic": user.profile_pic,
            },
            [FileName(name) for name in pictures if is_stored(name)],
        )

    async def remove(self, connection: Connection, thing_id: str) -> None:
        """Clear the names, the bio and the website, and take the pictures and the video away."""
        user_id = UserId(int(thing_id))
        if await accounts.edit(connection, user_id, _NO_TEXTS):
            await self._media.remove(connection, user_id)


class _Streams:
    def __init__(self, database: Database, files: Files, thumbnail: Callable[[StreamId], Path]) -> None:
        self._database = database
        self._files = files
        self._thumbnail = thumbnail

    async def snapshot(self, thing_id: str) -> Snapshot | None:
        stream = await stream_store.get(self._database, StreamId(int(thing_id)))
        if stream is None:
            return None
        host = (await accounts.usernames(self._database, [stream.user_id])).get(stream.user_id, "")
        shown: dict[str, str | int] = {
            "title": stream.title,
            "host": host,
            "status": stream.status.value,
            "created_at": f"{stream.created_at:%Y-%m-%d %H:%M:%S} UTC",
        }
        return Snapshot(stream.user_id, shown, await self._picture(stream.id))

    async def _picture(self, stream_id: StreamId) -> list[FileName]:
        """A copy of the last thumbnail. A report without it is better than none."""
        try:
            content = await asyncio.to_thread(self._thumbnail(stream_id).read_bytes)
            return [await self._files.add(EVIDENCE, content, "jpg", owner=None, public=False)]
        except FileNotFoundError:
            return []
        except (OSError, StorageUnavailable) as error:
            log.warning("thumbnail_not_kept", extra={"stream": stream_id, "why": type(error).__name__})
            return []
