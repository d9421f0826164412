"""User, Story, Video and Duet, in one module because they contain each other, and the objects that only they contain."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from api.http.urls import Urls
from api.wire.location import degrees
from api.wire.preferences import PrivacySetting, PushNotification, privacy_view, push_view
from api.wire.sound import Sound, sound_view
from api.wire.values import NO_TIME, UNKNOWN_DEGREES, DecimalText, Flag, Id, Url, WireDate, WireTime, wire_time
from control_plane.accounts.user import OwnUser
from control_plane.accounts.user import User as Person
from control_plane.base.ids import UserId
from control_plane.social.model import Block, Relation, Seen
from control_plane.videos.video import Video as StoredVideo

Button = Literal["", "Follow", "Following", "Follow Back", "Friends"]
"""The caller's relation to a user, as iOS shows it on a button. Empty in the caller's own record."""


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
    `paypal`, `profile_visit_count`, `unread_notification`) are filled only in the caller's own record. The apps show
    `wallet` as the new balance."""

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
    """Where the user is paid out to, most of it hidden. Only in the own record."""
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
    """Inbox entries that the owner has not read yet."""
    notification: Flag = 0
    """1: the caller is notified of this user's posts."""
    button: Button = ""
    block: Flag = 0
    block_user: BlockUser | UnsetType = field(default=UNSET, name="BlockUser")
    """Present only when `block` is 1."""
    sold_items_count: int = 0
    tagged_products_count: int = 0
    story: list[Story] = []
    push_notification: PushNotification = field(default=PushNotification(), name="PushNotification")
    privacy_setting: PrivacySetting = field(default=PrivacySetting(), name="PrivacySetting")


class FeedPlaylist(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""


class PlaylistVideo(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    playlist: FeedPlaylist | UnsetType = field(default=UNSET, name="Playlist")


class Duet(msgspec.Struct, frozen=True, kw_only=True):
    user: User = field(name="User")


class Video(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    description: str = ""
    video: Url = ""
    video_small: Url = ""
    """The video in at most 540p, for slow networks. The same as `video` where that is as small."""
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
    upload_state: Literal["processing", "ready", "failed"] = "ready"
    """Of the processing of the upload. Others than the owner see ready videos only."""
    upload_progress: int = 100
    """Percent of the processing."""
    upload_failure: str = ""
    """Why the upload could not be processed, in words for its owner."""
    user: User = field(default=User(), name="User")
    sound: Sound | UnsetType = field(default=UNSET, name="Sound")
    playlist_video: PlaylistVideo = field(default=PlaylistVideo(), name="PlaylistVideo")
    duet: Duet | UnsetType = UNSET
    """The user whose video this duet answers. Present only with a `duet_video_id`."""


def user_view(person: Person, urls: Urls, button: Button = "Follow") -> User:
    """The public record of a user, without private fields."""
    picture = urls.media(person.profile_pic)
    return User(
        id=person.id,
        first_name=person.first_name,
        last_name=person.last_name,
        username=person.username,
        gender=person.gender,
        bio=person.bio,
        website=person.website,
        profile_pic=picture,
        profile_pic_small=urls.media(person.profile_pic_small) or picture,
        profile_gif=urls.media(person.profile_gif),
        profile_video=urls.media(person.profile_video),
        role=person.role.value,
        verified=int(person.verified),
        city=person.city,
        country=person.country,
        private=int(person.private),
        profile_view=int(person.profile_view),
        created=wire_time(person.created_at),
        video_count=person.video_count,
        followers_count=person.followers,
        following_count=person.following,
        likes_count=person.likes_received,
        button=button,
        push_notification=push_view(person),
        privacy_setting=privacy_view(person),
    )


def seen_view(seen: Seen, urls: Urls) -> User:
    """The record of a user as a viewer sees it. Of a user whom the viewer blocks, only the name."""
    relation, person = seen.relation, seen.user
    if relation.block is not None:
        return User(
            id=person.id,
            first_name=person.first_name,
            last_name=person.last_name,
            username=person.username,
            button="Follow",
            block=1,
            block_user=block_view(relation.block),
        )
    view = user_view(person, urls, "" if seen.own else button_of(relation))
    return msgspec.structs.replace(view, notification=1) if relation.notified else view


def button_of(relation: Relation) -> Button:
    if relation.follows:
        return "Friends" if relation.followed else "Following"
    return "Follow Back" if relation.followed else "Follow"


def block_view(block: Block) -> BlockUser:
    return BlockUser(
        id=block.id, user_id=block.blocker_id, block_user_id=block.blocked_id, created=wire_time(block.blocked_at)
    )


def own_view(own: OwnUser, urls: Urls, auth_token: str = "") -> User:
    """The user's own record, with private fields. Pass `auth_token` only if a session or sign-in proves the caller."""
    person = own.user
    return msgspec.structs.replace(
        user_view(person, urls, button=""),
        dob=person.dob.isoformat() if person.dob else "",
        social_id=person.social_id,
        email=person.email,
        phone=person.phone,
        social=person.social,
        device_token=person.device_token,
        auth_token=auth_token,
        wallet=own.coins,
        total_all_time_coins=own.received,
        paypal=own.payout_address,
        referral_code=person.referral_code,
        profile_visit_count=person.unseen_visits,
        unread_notification=own.unread,
        verification_applied=int(person.verification_applied),
    )


def video_view(
    video: StoredVideo, owner: User, urls: Urls, others: Mapping[UserId, User] = MappingProxyType({})
) -> Video:
    """`others`: the users of duetted videos, as the viewer sees them. Without its user, a duet is shown as a video of its own:
    an app reads the user of each duet."""
    content, counts, mine, files = video.content, video.counts, video.mine, urls.video_files(video)
    duet_user = others.get(video.duet_user_id) if video.duet_user_id is not None else None
    return Video(
        id=video.id,
        user_id=video.user_id,
        description=video.description,
        video=files.media,
        video_small=files.small or files.media,
        thum=files.poster,
        thum_small=files.poster,
        gif=files.preview,
        default_thumbnail=files.poster,
        view=counts.views,
        sound_id=video.sound.id if video.sound else 0,
        privacy_type=video.privacy.value,
        allow_comments="true" if video.allow_comments else "false",
        allow_duet=int(video.allow_duet),
        duet_video_id=video.duet_of or 0 if duet_user is not None else 0,
        duration=content.duration_ms / 1000,
        pin_comment_id=video.pin_comment_id,
        pin=int(video.pinned),
        story=int(video.story),
        location_string=video.place.string if video.place else "",
        location_id=video.place.id if video.place else 0,
        location_title=video.place.name if video.place else "",
        share=counts.shares,
        lat=degrees(video.latitude),
        long=degrees(video.longitude),
        width=content.width,
        height=content.height,
        created=wire_time(video.created_at),
        like=int(mine.liked),
        favourite=int(mine.favourite),
        repost=int(mine.reposted),
        like_count=counts.likes,
        comment_count=counts.comments,
        favourite_count=counts.favourites,
        upload_state=video.state.value,
        upload_progress=content.progress,
        upload_failure=content.failure,
        user=owner,
        sound=sound_view(video.sound, urls) if video.sound else UNSET,
        duet=Duet(user=duet_user) if duet_user is not None else UNSET,
    )
