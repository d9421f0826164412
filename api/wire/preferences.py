"""The notification and privacy settings of a user, inside every `User` and beside it in profile answers."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from api.wire.values import Flag, Id
from control_plane.accounts.user import User as Person

Audience = Literal["everyone", "friends", "no_one"]


class PushNotification(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    """The id of the user."""
    likes: Flag = 0
    comments: Flag = 0
    new_followers: Flag = 0
    mentions: Flag = 0
    direct_messages: Flag = 0
    video_updates: Flag = 0


class PrivacySetting(msgspec.Struct, frozen=True, kw_only=True):
    """Who may see and do what. The defaults are those of a new account, because the words have no empty value."""

    id: Id = 0
    """The id of the user."""
    videos_download: Flag = 0
    direct_message: Audience = "everyone"
    duet: Audience = "everyone"
    liked_videos: Literal["everyone", "only_me"] = "everyone"
    video_comment: Audience = "everyone"
    order_history: int = 0
    found_by_contacts: Flag = 1
    """1: users who have this user's phone number in their contacts find the account."""


def push_view(person: Person) -> PushNotification:
    push = person.push
    return PushNotification(
        id=person.id,
        likes=int(push.likes),
        comments=int(push.comments),
        new_followers=int(push.new_followers),
        mentions=int(push.mentions),
        direct_messages=int(push.direct_messages),
        video_updates=int(push.video_updates),
    )


def privacy_view(person: Person) -> PrivacySetting:
    privacy = person.privacy
    return PrivacySetting(
        id=person.id,
        videos_download=int(privacy.videos_download),
        direct_message=cast("Audience", privacy.direct_message),
        duet=cast("Audience", privacy.duet),
        liked_videos="only_me" if privacy.liked_videos == "only_me" else "everyone",
        video_comment=cast("Audience", privacy.video_comment),
        found_by_contacts=int(privacy.found_by_contacts),
    )
