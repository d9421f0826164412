"""Videos as tests write them, without uploads."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.storage.files import Files
from control_plane.videos.video import VideoId

CLIP = """
    insert into video_content (state, progress, media, poster, duration_ms, width, height)
    values ('ready', 100, 'v.mp4', 'v.jpg', 1000, 9, 16) returning id
"""
ADD_VIDEO = f"with clip as ({CLIP}) insert into video (user_id, content_id) select $1, id from clip returning id"
"""A ready video of the user $1."""


def clips(count: int | str) -> str:
    """The contents 1 to `count` of a database without videos. `count` may be SQL."""
    return f"""
        insert into video_content (state, progress, media, duration_ms, width, height)
        select 'ready', 100, 'v.mp4', 1000, 9, 16 from generate_series(1, {count});
    """


SUFFIXES = {"poster": "jpg", "preview": "webp"}


async def add_stored(
    database: Database,
    files: Files,
    user_id: UserId,
    content: Mapping[str, bytes],
    *,
    sha256: bytes | None = None,
    privacy: str = "public",
    state: str = "ready",
) -> VideoId:
    """A video with these files in storage, by their kinds. With the `sha256` of an earlier one it shares the content."""
    content_id = await database.fetchval("select id from video_content where sha256 = $1", sha256)
    if content_id is None:
        content_id = await database.fetchval(
            "insert into video_content (sha256, state, width, height) values ($1, $2, 9, 16) returning id",
            sha256,
            state,
        )
        for kind, data in content.items():
            name = await files.add("videos", data, SUFFIXES.get(kind, "mp4"), owner=user_id, public=False)
            async with database.transaction() as connection:
                await files.use(connection, f"video_content/{content_id}/{kind}", [name])
                await connection.execute(f"update video_content set {kind} = $2 where id = $1", content_id, name)
    video_id: VideoId = await database.fetchval(
        "insert into video (user_id, content_id, privacy, state) values ($1, $2, $3, $4) returning id",
        *(user_id, content_id, privacy, state),
    )
    return video_id
