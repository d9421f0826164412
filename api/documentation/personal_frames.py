"""The frames of the personal socket, with examples."""

from __future__ import annotations

import msgspec

from api.documentation.described_frame import Frame
from api.personal_socket.frames import PersonalHello, PersonalYou, SendMessage, Sent
from api.sockets.frames import Auth, ErrorFrame
from control_plane.base.ids import UserId
from control_plane.inbox.model import EntryId, Kind
from control_plane.inbox.news import EntryView, InboxEntry, InboxState, Read, SenderView
from control_plane.messages.model import Change, ConversationId, Number, State
from control_plane.messages.model import Kind as MessageKind
from control_plane.messages.news import (
    ConversationChanged,
    ConversationView,
    MessageChanged,
    MessagesState,
    MessageView,
    UnreadChanged,
)
from control_plane.videos.news import UploadView, VideoChanged, VideosState
from control_plane.videos.video import State as VideoState
from control_plane.videos.video import VideoId

MESSAGE = MessageView(
    conversation_id=ConversationId(3),
    number=Number(12),
    change=Change(42),
    sender_id=UserId(1),
    receiver_id=UserId(2),
    kind=MessageKind.TEXT,
    text="Hello",
    picture="",
    picture_small="",
    video_id=0,
    stream_id=0,
    client_ref="",
    created_at="2026-01-31T12:00:00.000Z",
    retracted=False,
    deleted=False,
)
CONVERSATION = ConversationView(
    id=ConversationId(3),
    change=Change(42),
    other_user_id=UserId(1),
    state=State.OPEN,
    last_number=Number(12),
    read_number=Number(11),
    other_read_number=Number(12),
    deleted_number=Number(0),
    unread=1,
    hidden=False,
)
UPLOAD = UploadView(VideoId(5), VideoState.PROCESSING, 40, "")
FROM_CLIENTS = (
    Frame(
        "personal_auth", Auth, "Sign in with a session token, or go on with a newer one of yours.", ("personal_you",)
    ),
    Frame(
        "send_message",
        SendMessage,
        "Send a direct message. A repeated `id` sends no second one.",
        ("sent", "personal_error"),
    ),
)
TO_CLIENTS = (
    Frame(
        "personal_hello",
        PersonalHello,
        "The first frame: what is unread.",
        examples=[
            PersonalHello(UserId(2), InboxState(3, EntryId(17)), MessagesState(1, 0, Change(41)), VideosState([UPLOAD]))
        ],
    ),
    Frame(
        "inbox",
        InboxEntry,
        "A new entry of the inbox.",
        examples=[
            InboxEntry(
                4,
                EntryView(
                    id=EntryId(18),
                    kind=Kind.LIVE,
                    text="Ann Lee is live now: Hello",
                    sender=SenderView(UserId(1), "ann", "Ann Lee", ""),
                    stream_id=1,
                    video_id=0,
                    room_id=0,
                    created_at="2026-01-31T12:00:00.000Z",
                ),
            )
        ],
    ),
    Frame("read", Read, "Entries were read, perhaps on another device. Replace your badge.", examples=[Read(0)]),
    Frame(
        "message",
        MessageChanged,
        "A direct message is new, was taken back or deleted. Own messages come too, from all devices.",
        examples=[MessageChanged(1, 0, MESSAGE)],
    ),
    Frame(
        "conversation",
        ConversationChanged,
        "A conversation has changed: a new message, read by one of the two, accepted, declined, deleted or hidden.",
        examples=[ConversationChanged(1, 0, CONVERSATION)],
    ),
    Frame(
        "unread_messages",
        UnreadChanged,
        "The numbers of unread messages and of requests have changed otherwise. Replace your badge.",
        examples=[UnreadChanged(0, 0)],
    ),
    Frame(
        "sent",
        Sent,
        "The message was sent. It also comes as `message`, like on your other devices.",
        examples=[Sent("tap-1", msgspec.structs.replace(MESSAGE, client_ref="tap-1"))],
    ),
    Frame(
        "video",
        VideoChanged,
        "An own video is processed further, is ready, or has failed.",
        examples=[VideoChanged(UPLOAD), VideoChanged(UploadView(VideoId(5), VideoState.READY, 100, ""))],
    ),
    Frame("personal_you", PersonalYou, "The answer to a later `auth`.", examples=[PersonalYou(UserId(2))]),
    Frame(
        "personal_error",
        ErrorFrame,
        "The frame was refused and had no effect. The socket stays open.",
        examples=[ErrorFrame(code="malformed", message="This frame is not valid JSON.")],
    ),
)
