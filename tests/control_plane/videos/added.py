"""Adds videos with any columns."""

from __future__ import annotations

from typing import Any

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.videos.video import VideoId
from tests.control_plane.videos.rows import CLIP


async def added(database: Database, user_id: UserId, **columns: Any) -> VideoId:
    """A video of the user, public and ready unless the columns say something else."""
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", ${number}" for number in range(2, len(columns) + 2))
    statement = f"with clip as ({CLIP}) insert into video (user_id, content_id{names}) select $1, id{values} from clip"
    video_id: VideoId = await database.fetchval(f"{statement} returning id", user_id, *columns.values())
    return video_id


async def react(database: Database, table: str, user_id: UserId, video_id: VideoId) -> None:
    await database.execute(f"insert into {table} (user_id, video_id) values ($1, $2)", user_id, video_id)


async def delete(database: Database, video_id: VideoId) -> None:
    await database.execute("update video set state = 'deleted', deleted_at = now() where id = $1", video_id)
