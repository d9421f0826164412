"""SQL of a user's own data, for the export."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.pool import Database, Row

_EXPORT_PROFILE = """
    select id, username, first_name, last_name, gender, bio, website, dob, email, phone, password_hash is not null as has_password,
        profile_pic, profile_pic_small, profile_gif, profile_video, role, verified, private, profile_view, country, city,
        referral_code, device_token, created_at
    from app_user where id = $1
"""
_EXPORT_SETTINGS = """
    select p.likes, p.comments, p.new_followers, p.mentions, p.direct_messages, p.video_updates,
        s.videos_download, s.direct_message, s.duet, s.liked_videos, s.video_comment, s.found_by_contacts
    from push_setting p join privacy_setting s using (user_id) where user_id = $1
"""
_EXPORT_IDENTITIES = "select provider, created_at from user_identity where user_id = $1 order by created_at desc"


async def exported_profile(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT_PROFILE, user_id)


async def exported_settings(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT_SETTINGS, user_id)


async def exported_identities(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_EXPORT_IDENTITIES, user_id)
