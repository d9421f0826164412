"""User, Video, Story and Duet, in one module because they contain each other, and the parts of a feed item."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from api.wire.preferences import PrivacySetting, PushNotification
from api.wire.values import NO_TIME, UNKNOWN_DEGREES, DecimalText, Flag, Id, Url, WireDate, WireTime

Relation = Literal["", "Follow", "Following", "Follow Back", "Friends"]
"""The caller's relation to a user, as iOS shows it on a button. Empty in the caller's own record."""


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    audio: Url = ""
    name: str = ""
    description: str = ""
    thum: Url = ""
    duration: str = ""
    """Text such as `00:30`. iOS cannot read a list with a number here."""
    sound_section_id: Id = 0
    uploaded_by: str = ""
    publish: Flag = 0
    job_id: str = ""
    created: WireTime = NO_TIME
    total_videos: int = 0
    favourite: Flag = 0


class Location(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""
    string: str = ""
    lat: DecimalText = UNKNOWN_DEGREES
    long: DecimalText = UNKNOWN_DEGREES
    google_place_id: str = ""
    image: Url = ""
    created: WireTime = NO_TIME


class BlockUser(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    """The user who blocks."""
    block_user_id: Id = 0
    created: WireTime = NO_TIME


class Story(msgspec.Struct, frozen=True, kw_only=True):
    video: Video = field(name="Video")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The private fields (`social_id`, `email`, `phone`, `device_token`, `ip`, `auth_token`, `wallet`,
    `profile_visit_count`) are filled only in the caller's own record. The apps show `wallet` as the new balance."""

    id: Id = 0
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    gender: str = ""
    bio: str = ""
    website: str = ""
    dob: WireDate = ""
    social_id: str = ""
    email: str = ""
    phone: str = ""
    password: Literal[""] = ""
    profile_pic: Url = ""
    profile_pic_small: Url = ""
    profile_gif: Url = ""
    profile_video: Url = ""
    role: str = "user"
    social: str = ""
    device_token: str = ""
    token: Literal[""] = ""
    active: int = 1
    """An app treats the account as banned when this is above 1."""
    lat: DecimalText = UNKNOWN_DEGREES
    long: DecimalText = UNKNOWN_DEGREES
    online: Flag = 0
    verified: Flag = 0
    verification_applied: Flag = 0
    auth_token: str = ""
    version: str = ""
    device: str = ""
    ip: str = ""
    city: str = ""
    country: str = ""
    state: str = ""
    region: str = ""
    location_string: str = ""
    country_id: Id = 0
    city_id: Id = 0
    state_id: Id = 0
    wallet: int = 0
    total_all_time_coins: int = 0
    """Coins received through gifts and paid entry, without bought coins."""
    comission_earned: int = 0
    paypal: str = ""
    private: Flag = 0
    profile_view: Flag = 0
    """1: other users can see this user's profile visits."""
    reset_wallet_datetime: WireTime = NO_TIME
    referral_code: str = ""
    business: int = 0
    parent: int = 0
    created: WireTime = NO_TIME
    followers_count: int = 0
    following_count: int = 0
    likes_count: int = 0
    video_count: int = 0
    profile_visit_count: int = 0
    """Number of profile visits that the owner has not seen yet."""
    unread_notification: int = 0
    notification: Flag = 0
    """1: the caller is notified of this user's posts."""
    button: Relation = ""
    block: Flag = 0
    block_user: BlockUser | UnsetType = field(default=UNSET, name="BlockUser")
    """Present only when `block` is 1."""
    sold_items_count: int = 0
    tagged_products_count: int = 0
    story: list[Story] = []
    push_notification: PushNotification = field(default=PushNotification(), name="PushNotification")
    privacy_setting: PrivacySetting = field(default=PrivacySetting(), name="PrivacySetting")


class Playlist(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""


class PlaylistVideo(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    playlist: Playlist | UnsetType = field(default=UNSET, name="Playlist")


class Duet(msgspec.Struct, frozen=True, kw_only=True):
    user: User = field(name="User")


class Video(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    description: str = ""
    video: Url = ""
    thum: Url = ""
    thum_small: Url = ""
    gif: Url = ""
    user_thumbnail: Url = ""
    default_thumbnail: Url = ""
    view: int = 0
    section: str = ""
    sound_id: Id = 0
    privacy_type: Literal["public", "private", "friends"] = "public"
    allow_comments: Literal["true", "false"] = "true"
    """Text, because iOS cannot read a feed with an integer here."""
    allow_duet: Flag = 0
    block: Flag = 0
    duet_video_id: Id = 0
    old_video_id: Id = 0
    duration: float = 0
    """In seconds."""
    promote: Flag = 0
    pin_comment_id: Id = 0
    pin: Flag = 0
    repost_user_id: Id = 0
    repost_video_id: Id = 0
    quality_check: int = 0
    viral: int = 0
    story: Flag = 0
    country_id: Id = 0
    city: str = ""
    state: str = ""
    country: str = ""
    region: str = ""
    location_string: str = ""
    location_id: Id = 0
    location_title: str = ""
    share: int = 0
    video_with_watermark: Url = ""
    lat: DecimalText = UNKNOWN_DEGREES
    long: DecimalText = UNKNOWN_DEGREES
    product_id: str = ""
    job_id: str = ""
    tag_product: int = 0
    tag_store_id: Id = 0
    width: int = 0
    height: int = 0
    ai_summary: str = ""
    ai_category: str = ""
    ai_hashtags: str = ""
    ai_filters: str = ""
    created: WireTime = NO_TIME
    like: Flag = 0
    """1: the caller likes the video. The number of likes is `like_count`."""
    favourite: Flag = 0
    repost: Flag = 0
    like_count: int = 0
    comment_count: int = 0
    favourite_count: int = 0
    user: User = field(default=User(), name="User")
    sound: Sound | UnsetType = field(default=UNSET, name="Sound")
    playlist_video: PlaylistVideo = field(default=PlaylistVideo(), name="PlaylistVideo")
    duet: Duet | UnsetType = UNSET
    """The user whose video this duet answers. Present only with a `duet_video_id`."""


class FeedHashtag(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""
    favourite: Flag = 0


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """`User` and `Sound` repeat those inside `Video`, because the apps read them in either place."""

    video: Video = field(name="Video")
    user: User = field(name="User")
    sound: Sound | UnsetType = field(default=UNSET, name="Sound")
    location: Location | UnsetType = field(default=UNSET, name="Location")
    hashtag: FeedHashtag | UnsetType = field(default=UNSET, name="Hashtag")
