"""SQL of the pictures and the video of a profile."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.storage.model import FileName, is_stored

_SET_PICTURE = """
    update app_user set profile_pic = $2, profile_pic_small = $3, profile_gif = $4 where id = $1 returning id
"""
_REMOVE_ANIMATION = """
    update app_user set profile_gif = '' where id = $1 returning profile_pic, profile_pic_small
"""
_SET_VIDEO = "update app_user set profile_video = $2 where id = $1 returning id"


async def set_picture(connection: Connection, user_id: UserId, full: str, small: str, animated: str) -> bool:
    """False: there is no such user."""
    return await connection.fetchval(_SET_PICTURE, user_id, full, small, animated) is not None


async def remove_animation(connection: Connection, user_id: UserId) -> set[FileName] | None:
    """The files of the pictures that stay. None: there is no such user."""
    row = await connection.fetchrow(_REMOVE_ANIMATION, user_id)
    return None if row is None else {FileName(name) for name in row.values() if is_stored(name)}


async def set_video(connection: Connection, user_id: UserId, video: str) -> bool:
    """False: there is no such user."""
    return await connection.fetchval(_SET_VIDEO, user_id, video) is not None
