"""Entries of the inbox, as the apps list them."""

from __future__ import annotations

from collections.abc import Container, Mapping

import msgspec
from msgspec import UNSET, UnsetType, field

from api.http.urls import Urls
from api.wire.person import User, Video, seen_view, video_view
from api.wire.values import Flag, Id, WireTime, wire_time
from control_plane.base.ids import UserId
from control_plane.inbox.model import Entry, shown_text
from control_plane.inbox.texts import text_of
from control_plane.social.model import Seen
from control_plane.videos.video import Video as StoredVideo
from control_plane.videos.video import VideoId


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    sender_id: Id
    receiver_id: Id
    string: str
    """What is shown, in the language of `Accept-Language`."""
    message: str
    """The same as `string`."""
    type: str
    video_id: Id = 0
    live_streaming_id: Id = 0
    room_id: Id = 0
    order_id: Id = 0
    status: str = "0"
    """Of an invitation: `0` open, `1` accepted, `2` declined."""
    read: Flag = 0
    created: WireTime


class NotificationItem(msgspec.Struct, frozen=True, kw_only=True):
    notification: Notification = field(name="Notification")
    sender: User = field(name="Sender")
    receiver: User = field(name="Receiver")
    user: User = field(name="User")
    """The same as `Sender`."""
    video: Video | UnsetType = field(default=UNSET, name="Video")
    """Present only with a `video_id`. A video that the caller can no longer see has an id only."""


def notification_view(entry: Entry, sender: Seen, videos: Container[int], language: str) -> Notification:
    told = entry.told
    shown = shown_text(told.kind, told.text, told.video_id, videos)
    text = text_of(told.kind, sender.user.shown_name, language, text=shown)
    return Notification(
        id=entry.id,
        sender_id=told.sender_id,
        receiver_id=entry.receiver_id,
        string=text,
        message=text,
        type=told.kind.value,
        video_id=told.video_id,
        live_streaming_id=told.stream_id,
        room_id=told.room_id,
        status=str(entry.status.value),
        read=int(entry.read),
        created=wire_time(entry.created_at),
    )


def notification_item(
    entry: Entry,
    people: Mapping[UserId, Seen],
    videos: Mapping[VideoId, StoredVideo],
    urls: Urls,
    language: str,
) -> NotificationItem:
    """`people`: at least the sender and the receiver; `videos`: those that the receiver sees, whose owners are among the
    people."""
    sender = seen_view(people[entry.told.sender_id], urls)
    return NotificationItem(
        notification=notification_view(entry, people[entry.told.sender_id], videos, language),
        sender=sender,
        receiver=seen_view(people[entry.receiver_id], urls),
        user=sender,
        video=_video(VideoId(entry.told.video_id), people, videos, urls) if entry.told.video_id else UNSET,
    )


def _video(
    video_id: VideoId, people: Mapping[UserId, Seen], videos: Mapping[VideoId, StoredVideo], urls: Urls
) -> Video:
    video = videos.get(video_id)
    if video is None or video.user_id not in people:
        return Video(id=video_id)
    return video_view(video, seen_view(people[video.user_id], urls), urls)
