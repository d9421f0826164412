"""Tells followers and mentioned users of a new video. A second run tells only those whom the first one did not reach."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell, tell_followers
from control_plane.jobs.kind import job
from control_plane.videos import processing_store as store
from control_plane.videos.video import Privacy, VideoId


@job(at_once=2)
async def tell_of_post(database: Database, video_id: int) -> None:
    async with database.transaction() as connection:
        post = await store.post(connection, VideoId(video_id))
        if post is None:
            return
        owner = UserId(post.user_id)
        if post.privacy is Privacy.PUBLIC and not post.story:
            told = Told(Kind.VIDEO_POST, owner, video_id=video_id, text=post.description)
            await tell_followers(connection, told, f"video-{video_id}")
        mentioned = await store.mentioned(connection, VideoId(video_id))
        await tell(connection, Told(Kind.MENTION, owner, video_id=video_id, text=post.description), mentioned)
