"""A user as stored. `api/wire` decides which fields other users may see."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import msgspec

from control_plane.accounts.caller import Role
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId


class UserNotFound(ControlPlaneError):
    code = "user_not_found"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such user.")


class AlreadyTaken(ControlPlaneError):
    """Another account has this username, email address, phone number or sign-in identity."""

    code = "already_taken"
    kind = ErrorKind.REFUSED


class PushSettings(msgspec.Struct, frozen=True):
    likes: bool = True
    comments: bool = True
    new_followers: bool = True
    mentions: bool = True
    direct_messages: bool = True
    video_updates: bool = True


class PrivacySettings(msgspec.Struct, frozen=True):
    videos_download: bool = True
    direct_message: str = "everyone"
    duet: str = "everyone"
    liked_videos: str = "everyone"
    video_comment: str = "everyone"
    found_by_contacts: bool = True
    """Whether users who have this user's phone number in their contacts, or are friends at Facebook, find the
    account."""


class User(msgspec.Struct, frozen=True):
    id: UserId
    username: str
    first_name: str
    last_name: str
    gender: str
    bio: str
    website: str
    dob: dt.date | None
    email: str
    phone: str
    social: str
    social_id: str
    profile_pic: str
    """Name in storage, or a URL that sign-up brought; "": none."""
    profile_pic_small: str
    profile_gif: str
    profile_video: str
    role: Role
    verified: bool
    private: bool
    country: str
    city: str
    referral_code: str
    device_token: str
    banned_at: dt.datetime | None
    created_at: dt.datetime
    profile_view: bool
    """Whether other users see this user's profile visits."""
    verification_applied: bool
    push: PushSettings
    privacy: PrivacySettings

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def shown_name(self) -> str:
        """The name in texts that other users read."""
        return self.full_name or self.username

    video_count: int
    unseen_visits: int
    followers: int
    following: int
    likes_received: int
    """Likes of this user's videos."""
    has_stories: bool
    """Of the last 24 hours. Whether a viewer sees them is another question."""


class OwnUser(msgspec.Struct, frozen=True):
    """A user with what only its owner sees."""

    user: User
    coins: int
    """Bought and earned coins."""
    received: int
    """Coins ever received, including spent and withdrawn ones."""
    unread: int
    """Inbox entries that are not read."""
    payout_address: str = ""
    """Where payouts go, most of it hidden."""
    came_back: bool = False
    """Whether the account was deleted, and this sign-in has brought it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to create. Empty text: unknown."""

    username: str
    first_name: str = ""
    last_name: str = ""
    gender: str = ""
    dob: dt.date | None = None
    email: str = ""
    phone: str = ""
    password_hash: str | None = None
    social: str = ""
    social_id: str = ""
    profile_pic: str = ""
    referral_code: str = ""
    device_token: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """A sign-in identity: the user's id (`subject`) at a provider. The provider `uid` is the id that an app's sign-in
    library made."""

    provider: str
    subject: str
