"""SQL of contents while their files are made, and of the videos that wait for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.storage.model import FileName
from control_plane.videos.sight import sees
from control_plane.videos.video import ContentId, Privacy, State, VideoId

_CONTENT = """
    select id, state, failure, original, media, watermarked, width, height, duration_ms, bytes, pixels
    from video_content where id = $1
"""
_LOCKED = f"{_CONTENT} for update"
_PROGRESS = """
    update video_content set progress = greatest(progress, $2), changed_at = now() where id = $1 and state = 'processing'
    returning id
"""
_WAITING_OWNERS = "select distinct user_id from video where content_id = $1 and state = 'processing' order by user_id"
_SEVERAL_WAIT = "select true from video where content_id = $1 and state = 'processing' offset 1 limit 1"
_VIDEOS_BEFORE = """
    with newest as (select id, user_id from video where content_id = $1 order by id desc limit 1)
    select count(*) from video where state = 'processing' and user_id = (select user_id from newest)
        and id < (select id from newest)
"""
_FINISH = """
    update video_content set state = 'ready', progress = 100, original = '', media = $2, small = $3, poster = $4,
        preview = $5, width = $6, height = $7, duration_ms = $8, changed_at = now()
    where id = $1
"""
_BEGIN_AGAIN = """
    update video_content
    set state = 'processing', progress = 0, original = coalesce($2, original), changed_at = now()
    where id = $1 and state <> 'ready' and coalesce($2, original) <> '' returning id
"""
_WAIT_AGAIN = """
    update video set state = 'processing' where content_id = $1 and state = 'failed'
        and exists (select from video_content where id = $1 and state <> 'failed')
"""
_FAIL = """
    update video_content set state = 'failed', failure = $2, changed_at = now() where id = $1 and state = 'processing'
    returning id
"""
_SET_WATERMARKED = """
    update video_content set watermarked = $2 where id = $1 and watermarked = '' returning id
"""
_SETTLE = """
    with waiting as (
        select id, posted_at from video where content_id = $1 and state = 'processing' order by id for update)
    update video set state = $2, posted_at = case $2 when 'ready' then coalesce(video.posted_at, now()) end
    from waiting where video.id = waiting.id
    returning video.id, video.user_id, waiting.posted_at is null as first
"""
_OVERDUE = """
    select id from video_content where state = 'processing' and changed_at < now() - $1::interval and id > $2
        and exists (select from video where content_id = video_content.id and state = 'processing')
    order by id limit $3
"""
_POST = "select user_id, description, privacy, story from video where id = $1 and state = 'ready' for key share"
_MENTIONED = f"""
    select video_mention.user_id from video_mention join video on video.id = video_id
    where video_id = $1 and {sees("video", "video_mention.user_id")} order by user_id
"""


class Stored(NamedTuple):
    id: ContentId
    state: State
    failure: str
    original: FileName
    media: FileName
    watermarked: FileName
    width: int
    height: int
    duration_ms: int
    bytes: int
    """Of the upload."""
    pixels: int
    """Of all frames of the upload together."""


class Settled(NamedTuple):
    """A video that was processing."""

    id: VideoId
    user_id: UserId
    first: bool
    """It was not ready before."""


class Post(NamedTuple):
    user_id: UserId
    description: str
    privacy: Privacy
    story: bool


class Files(NamedTuple):
    """Names in storage of what was made."""

    media: FileName
    small: FileName
    poster: FileName
    preview: FileName


async def content(source: Connection | Database, content_id: ContentId) -> Stored | None:
    row = await source.fetchrow(_CONTENT, content_id)
    return None if row is None else Stored(**{**row, "state": State(row["state"])})


async def locked(connection: Connection, content_id: ContentId) -> Stored | None:
    row = await connection.fetchrow(_LOCKED, content_id)
    return None if row is None else Stored(**{**row, "state": State(row["state"])})


async def set_progress(connection: Connection, content_id: ContentId, percent: int) -> Sequence[UserId]:
    """The owners of the videos that wait for it; none if it is not processing any more. It never goes back."""
    if await connection.fetchval(_PROGRESS, content_id, percent) is None:
        return []
    return [row["user_id"] for row in await connection.fetch(_WAITING_OWNERS, content_id)]


async def videos_before(connection: Connection, content_id: ContentId) -> int:
    """How many videos the owner of the newest video of a content is already waiting for."""
    count: int = await connection.fetchval(_VIDEOS_BEFORE, content_id)
    return count


async def several_wait(connection: Connection, content_id: ContentId) -> bool:
    """Whether more than one video waits for the files of a content."""
    return await connection.fetchval(_SEVERAL_WAIT, content_id) is not None


async def finish(
    connection: Connection, content_id: ContentId, files: Files, *, width: int, height: int, duration_ms: int
) -> None:
    await connection.execute(_FINISH, content_id, *files, width, height, duration_ms)


async def fail(connection: Connection, content_id: ContentId, why: str) -> bool:
    """False: it is not processing any more."""
    return await connection.fetchval(_FAIL, content_id, why) is not None


async def begin_again(connection: Connection, content_id: ContentId, original: str | None = None) -> bool:
    """Let the files of a content that has failed be made again. Its failed videos stay as they are. `original`: a new one, if
    the caller has it. False: it is ready, or there is no original."""
    return await connection.fetchval(_BEGIN_AGAIN, content_id, original) is not None


async def wait_again(connection: Connection, content_id: ContentId) -> bool:
    """Let the failed videos of a content wait for its files again, unless it has failed itself. False: none does."""
    return await connection.execute(_WAIT_AGAIN, content_id) != "UPDATE 0"


async def set_watermarked(connection: Connection, content_id: ContentId, name: FileName) -> bool:
    """False: there is one, or the content is gone."""
    return await connection.fetchval(_SET_WATERMARKED, content_id, name) is not None


async def settle(connection: Connection, content_id: ContentId, state: State) -> Sequence[Settled]:
    """Give the videos that wait for the content its state."""
    rows = await connection.fetch(_SETTLE, content_id, state.value)
    return sorted(Settled(**row) for row in rows)


async def overdue(database: Database, age: dt.timedelta, after: ContentId, most: int) -> Sequence[ContentId]:
    """Contents that are processing without progress, and that videos wait for: the next ones after this one."""
    return [row["id"] for row in await database.fetch(_OVERDUE, age, after, most)]


async def post(connection: Connection, video_id: VideoId) -> Post | None:
    """The video, which is not deleted until the transaction ends. None: it is not ready any more."""
    row = await connection.fetchrow(_POST, video_id)
    return None if row is None else Post(**{**row, "privacy": Privacy(row["privacy"])})


async def mentioned(connection: Connection, video_id: VideoId) -> Sequence[UserId]:
    """The mentioned users who see the video."""
    return [row["user_id"] for row in await connection.fetch(_MENTIONED, video_id)]
