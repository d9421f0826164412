"""SQL of what users set for themselves: notifications and privacy."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.accounts.user import PrivacySettings, PushSettings, UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.pool import Database

_SET_PRIVACY = """
    update privacy_setting set
        videos_download = coalesce($2, videos_download), direct_message = coalesce($3, direct_message), duet = coalesce($4, duet),
        liked_videos = coalesce($5, liked_videos), video_comment = coalesce($6, video_comment),
        found_by_contacts = coalesce($7, found_by_contacts)
    where user_id = $1
    returning videos_download, direct_message, duet, liked_videos, video_comment, found_by_contacts
"""
_SET_PUSH = """
    update push_setting set likes = $2, comments = $3, new_followers = $4, mentions = $5, direct_messages = $6, video_updates = $7
    where user_id = $1
    returning likes, comments, new_followers, mentions, direct_messages, video_updates
"""


async def set_privacy(database: Database, user_id: UserId, changes: Mapping[str, bool | str | None]) -> PrivacySettings:
    """Change the settings in `changes`, by their names in PrivacySettings, and return all of them. None: unchanged.
    Raises UserNotFound."""
    values = [changes.get(name) for name in PrivacySettings.__struct_fields__]
    row = await database.fetchrow(_SET_PRIVACY, user_id, *values)
    if row is None:
        raise UserNotFound
    return PrivacySettings(**row)


async def set_push(database: Database, user_id: UserId, push: PushSettings) -> PushSettings:
    """Raises UserNotFound."""
    values = [getattr(push, name) for name in PushSettings.__struct_fields__]
    row = await database.fetchrow(_SET_PUSH, user_id, *values)
    if row is None:
        raise UserNotFound
    return PushSettings(**row)
