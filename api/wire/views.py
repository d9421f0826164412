"""Conversion of domain values to the objects of the contract: users, videos, sounds and live streams."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import UNSET

from api.http.urls import Urls
from api.wire import (
    NO_TIME,
    FeedItem,
    LiveStreaming,
    PrivacySetting,
    PushNotification,
    Relation,
    Sound,
    User,
    Video,
    wire_time,
)
from api.wire.preferences import Audience
from control_plane.accounts.user import User as Person
from control_plane.streams.keys import StreamKey
from control_plane.streams.model import Stream
from control_plane.streams.probing.prober import Seen
from control_plane.videos.video import Sound as SoundRow
from control_plane.videos.video import Video as VideoRow


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
    )


def user_view(person: Person, urls: Urls, button: Relation = "Follow") -> User:
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
        created=wire_time(person.created_at),
        video_count=person.video_count,
        button=button,
        push_notification=push_view(person),
        privacy_setting=privacy_view(person),
    )


def own_view(person: Person, urls: Urls, wallet: int, received: int, auth_token: str = "") -> User:
    """The user's own record, with private fields. Pass `auth_token` only if a session or sign-in proves the caller."""
    return msgspec.structs.replace(
        user_view(person, urls, button=""),
        dob=person.dob.isoformat() if person.dob else "",
        social_id=person.social_id,
        email=person.email,
        phone=person.phone,
        social=person.social,
        device_token=person.device_token,
        auth_token=auth_token,
        wallet=wallet,
        total_all_time_coins=received,
        paypal=person.paypal,
        referral_code=person.referral_code,
        profile_visit_count=person.unseen_visits,
    )


def sound_view(sound: SoundRow, urls: Urls) -> Sound:
    minutes, seconds = divmod(round(sound.duration_ms / 1000), 60)
    return Sound(
        id=sound.id,
        audio=urls.media(sound.audio),
        name=sound.name,
        description=sound.description,
        thum=urls.media(sound.picture),
        duration=f"{minutes:02}:{seconds:02}",
        uploaded_by=sound.uploaded_by,
        publish=1,
        created=wire_time(sound.created_at),
        total_videos=sound.total_videos,
    )


def feed_item(video: VideoRow, user: User, urls: Urls) -> FeedItem:
    """A feed item. It repeats the video's owner and sound beside the video: the apps read them in either place."""
    sound = sound_view(video.sound, urls) if video.sound else UNSET
    thumbnail = urls.media(video.thumbnail)
    view = Video(
        id=video.id,
        user_id=video.user_id,
        description=video.description,
        video=urls.media(video.media),
        thum=thumbnail,
        thum_small=thumbnail,
        gif=urls.media(video.preview),
        default_thumbnail=thumbnail,
        view=video.views,
        sound_id=video.sound.id if video.sound else 0,
        allow_comments="true" if video.allow_comments else "false",
        allow_duet=int(video.allow_duet),
        duration=video.duration_ms / 1000,
        width=video.width,
        height=video.height,
        created=wire_time(video.created_at),
        user=user,
        sound=sound,
    )
    return FeedItem(video=view, user=user, sound=sound)


def live_view(stream: Stream, urls: Urls, key: StreamKey | None = None, seen: Seen | None = None) -> LiveStreaming:
    """A live stream. With `key` it is the owner's view, with publish URLs and the result of the last probe."""
    playing = seen.playing if seen else None
    return LiveStreaming(
        id=stream.id,
        user_id=stream.user_id,
        channel_name=str(stream.id),
        started_at=stream.local_start or wire_time(stream.created_at),
        ended_at=wire_time(stream.ended_at) if stream.ended_at else NO_TIME,
        duration=stream.duration_s(),
        status="ended" if stream.ended else "live",
        created=wire_time(stream.created_at),
        playback_url=urls.playback(stream.path),
        websocket_url=urls.websocket(stream.id),
        visibility=stream.visibility.value,
        title=stream.title,
        join_price=stream.price,
        whep_url=urls.whep(stream.path),
        rtmp_url=urls.rtmp(stream, key) if key else UNSET,
        rtmp_server=urls.rtmp_server if key else UNSET,
        stream_key=urls.obs_key(stream, key) if key else UNSET,
        whip_url=urls.whip(stream, key) if key else UNSET,
        srt_url=urls.srt(stream, key) if key else UNSET,
        playing=UNSET if key is None or playing is None else int(playing),
        playing_note=UNSET if key is None or seen is None or playing is None else seen.result.note,
    )
