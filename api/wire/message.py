"""Direct messages and conversations. They are ours: the contract has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from api.contract.call import Call
from api.wire.live import LiveStreaming, live_view
from api.wire.person import User, Video, seen_view, video_view
from api.wire.values import Flag, Id, Url, WireTime, wire_time
from control_plane.base.ids import StreamId, UserId
from control_plane.messages.addresses import picture_path
from control_plane.messages.model import Conversation as StoredConversation
from control_plane.messages.model import Listed
from control_plane.messages.model import Message as StoredMessage
from control_plane.social.model import Seen
from control_plane.streams.model import Stream
from control_plane.videos.video import Video as StoredVideo
from control_plane.videos.video import VideoId


class DirectMessage(msgspec.Struct, frozen=True, kw_only=True):
    conversation_id: Id
    number: Id
    """1, 2, 3 … in its conversation, without gaps."""
    change: Id
    """The last change of the message, among all changes of the caller's messages and conversations."""
    sender_id: Id
    receiver_id: Id
    type: Literal["text", "picture", "video", "stream"]
    text: str = ""
    """Of a picture, a video or a stream: the words with it."""
    picture: Url = ""
    """A signed address that is good for 10 to 20 minutes."""
    picture_small: Url = ""
    video_id: Id = 0
    """0 also if the caller may not see the video."""
    live_streaming_id: Id = 0
    """0 also if the caller may not see the stream."""
    client_ref: str = ""
    """Only for the sender."""
    created: WireTime
    retracted: Flag = 0
    """1: the sender took the message back. It is empty."""
    deleted: Flag = 0
    """1: the caller deleted the message. It is empty."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    other_user_id: Id
    change: Id
    state: Literal["open", "request", "declined"]
    """`request`: a stranger wrote, and waits until the caller accepts."""
    last_number: Id = 0
    """Of the last message."""
    read_number: Id = 0
    """The caller has read the messages up to this one."""
    other_read_number: Id = 0
    """The other user has read the messages up to this one."""
    deleted_number: Id = 0
    """The caller deleted the messages up to this one."""
    unread: int = 0
    hidden: Flag = 0
    """1: one of the two blocks the other. Lists leave such a conversation out."""
    available: Flag = 0
    """0: the other user is banned or deleted, or one of the two blocks the other. Show the user as not available."""


class ConversationItem(msgspec.Struct, frozen=True, kw_only=True):
    conversation: Conversation = field(name="Conversation")
    user: User = field(name="User")
    """The other user. One who is not available has an id only."""
    direct_message: DirectMessage | UnsetType = field(default=UNSET, name="DirectMessage")
    """The last message, if the caller has not deleted all of them one by one."""


class MessageItem(msgspec.Struct, frozen=True, kw_only=True):
    direct_message: DirectMessage = field(name="DirectMessage")
    video: Video | UnsetType = field(default=UNSET, name="Video")
    """Present only with a `video_id`."""
    live_streaming: LiveStreaming | UnsetType = field(default=UNSET, name="LiveStreaming")
    """Present only with a `live_streaming_id`."""


def message_view(call: Call, message: StoredMessage) -> DirectMessage:
    base, addresses = call.urls.base, call.stored.addresses
    full = picture_path(addresses, message.picture, message.picture_salt)
    small = picture_path(addresses, message.picture_small, message.picture_small_salt)
    return DirectMessage(
        conversation_id=message.conversation_id,
        number=message.number,
        change=message.change,
        sender_id=message.sender_id,
        receiver_id=message.receiver_id,
        type=message.kind.value,
        text=message.text,
        picture=base + full if full else "",
        picture_small=base + small if small else "",
        video_id=message.video_id,
        live_streaming_id=message.stream_id,
        client_ref=message.client_ref,
        created=wire_time(message.sent_at),
        retracted=int(message.retracted),
        deleted=int(message.deleted),
    )


def conversation_view(conversation: StoredConversation, *, available: bool) -> Conversation:
    return Conversation(
        id=conversation.id,
        other_user_id=conversation.other_id,
        change=conversation.change,
        state=conversation.state.value,
        last_number=conversation.last_number,
        read_number=conversation.read_number,
        other_read_number=conversation.other_read_number,
        deleted_number=conversation.deleted_number,
        unread=conversation.unread,
        hidden=int(conversation.hidden),
        available=int(available and not conversation.hidden),
    )


def conversation_item(call: Call, listed: Listed, people: Mapping[UserId, Seen]) -> ConversationItem:
    other = people.get(listed.conversation.other_id)
    return ConversationItem(
        conversation=conversation_view(listed.conversation, available=other is not None),
        user=seen_view(other, call.urls) if other else User(id=listed.conversation.other_id),
        direct_message=message_view(call, listed.last) if listed.last else UNSET,
    )


def message_item(
    call: Call,
    message: StoredMessage,
    people: Mapping[UserId, Seen],
    videos: Mapping[VideoId, StoredVideo],
    streams: Mapping[StreamId, Stream],
) -> MessageItem:
    """`people`: at least the owners of the videos."""
    video, stream = videos.get(message.video_id), streams.get(message.stream_id)
    return MessageItem(
        direct_message=message_view(call, message),
        video=video_view(video, seen_view(people[video.user_id], call.urls), call.urls)
        if video and video.user_id in people
        else UNSET,
        live_streaming=live_view(stream, call.urls) if stream else UNSET,
    )
