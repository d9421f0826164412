"""SQL of the pictures and the video of a profile."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection

_SET_PICTURE = """
    update app_user set profile_pic = $2, profile_pic_small = $3, profile_gif = $4 where id = $1 returning id
"""
_SET_VIDEO = "update app_user set profile_video = $2 where id = $1 returning id"


async def set_picture(connection: Connection, user_id: UserId, full: str, small: str, animated: str) -> bool:
    """False: there is no such user."""
    return await connection.fetchval(_SET_PICTURE, user_id, full, small, animated) is not None


async def set_video(connection: Connection, user_id: UserId, video: str) -> bool:
    """False: there is no such user."""
    return await connection.fetchval(_SET_VIDEO, user_id, video) is not None
