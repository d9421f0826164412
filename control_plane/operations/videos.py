"""Operators' acts about videos: process one again, and remove one for all."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database
from control_plane.operations.audit import Act, Actor, Subject, record
from control_plane.videos import operators_store as store
from control_plane.videos.deletion import remove as remove_for_all
from control_plane.videos.operators_store import ShownVideo
from control_plane.videos.processing.job import enqueue_again
from control_plane.videos.processing_store import begin_again, wait_again
from control_plane.videos.video import VideoId


class VideoNotRetried(ControlPlaneError):
    code = "video_not_retried"
    kind = ErrorKind.STOPS


class NoSuchVideo(ControlPlaneError):
    code = "no_such_video"
    kind = ErrorKind.STOPS


async def retry(database: Database, actor: Actor, video_id: VideoId) -> None:
    """Make the files of a video again that has failed, or whose job is dead, with all attempts. Raises NoSuchVideo and
    VideoNotRetried."""
    async with database.transaction() as connection:
        content_id = await store.content_of(connection, video_id)
        if content_id is None:
            raise NoSuchVideo(f"There is no video {video_id}.")
        begun = await begin_again(connection, content_id)
        if not await wait_again(connection, content_id) and not begun:
            raise VideoNotRetried(f"Video {video_id} is ready, or its upload is not stored any more.")
        await enqueue_again(connection, content_id)
        await record(connection, actor, Act.VIDEO_RETRIED, video(video_id))


async def remove(database: Database, actor: Actor, video_id: VideoId, reason: str) -> None:
    """Remove a video and all of equal uploads, and refuse its content from now on. Raises NoSuchVideo."""
    async with database.transaction() as connection:
        if await store.content_of(connection, video_id) is None:
            raise NoSuchVideo(f"There is no video {video_id}.")
        await remove_for_all(connection, video_id)
        await store.set_reason(connection, video_id, reason)
        await record(connection, actor, Act.VIDEO_REMOVED, video(video_id), reason=reason)


async def get(database: Database, video_id: VideoId) -> ShownVideo:
    """Raises NoSuchVideo."""
    found = await store.get(database, video_id)
    if found is None:
        raise NoSuchVideo(f"There is no video {video_id}.")
    return found


def video(video_id: VideoId) -> Subject:
    return Subject(f"video:{video_id}")
