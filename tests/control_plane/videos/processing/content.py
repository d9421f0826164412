"""Contents as an upload leaves them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.storage.files import Files
from control_plane.videos.processing.job import enqueue
from control_plane.videos.video import ContentId, VideoId

_CONTENT = """
    insert into video_content (sha256, bytes, pixels) values ($1, $2, $3)
    on conflict (sha256) do update set changed_at = now() returning id, original
"""
_ORIGINAL = "update video_content set original = $2 where id = $1"
_VIDEO = "insert into video (user_id, content_id, description, state) values ($1, $2, $3, 'processing') returning id"


async def post(
    database: Database, files: Files, user_id: UserId, upload: Path, description: str = "", *, pixels: int = 0
) -> tuple[VideoId, ContentId]:
    """A video of the user that waits for the files of this upload."""
    bytes_ = upload.read_bytes()
    original = await files.add("originals", upload, "bin", owner=user_id, public=False)
    async with database.transaction() as connection:
        row = await connection.fetchrow(_CONTENT, hashlib.sha256(bytes_).digest(), len(bytes_), pixels)
        assert row is not None
        content_id: ContentId = row["id"]
        if not row["original"]:
            await connection.execute(_ORIGINAL, content_id, original)
            await files.use(connection, f"video_content/{content_id}/original", [original])
        video_id: VideoId = await connection.fetchval(_VIDEO, user_id, content_id, description)
        await enqueue(connection, content_id)
    return video_id, content_id
