"""Conversations of two, their messages, and the errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import StreamId, UserId
from control_plane.storage.model import FileName
from control_plane.videos.video import VideoId

ConversationId = NewType("ConversationId", int)
Number = NewType("Number", int)
"""Of a message in its conversation: from 1, without gaps, in the order of the commits. 0: none."""
Change = NewType("Change", int)
"""Number of a change in the mailbox of one user: from 1, in the order of the commits."""

LONGEST_TEXT = 1000
"""Characters of a message. Longer: a page of messages is larger. Shorter: users split what they write."""


class Kind(StrEnum):
    TEXT = "text"
    PICTURE = "picture"
    VIDEO = "video"
    """A video of the feed that is shared."""
    STREAM = "stream"
    """A live stream that is shared."""


class State(StrEnum):
    """How one of the two takes a conversation."""

    OPEN = "open"
    REQUEST = "request"
    """The other is a stranger, who waits to be accepted."""
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent. The kind follows from what is not empty."""

    text: str = ""
    picture: FileName = FileName("")
    picture_small: FileName = FileName("")
    video_id: VideoId = VideoId(0)
    stream_id: StreamId = StreamId(0)

    @property
    def kind(self) -> Kind:
        if self.picture:
            return Kind.PICTURE
        if self.video_id:
            return Kind.VIDEO
        return Kind.STREAM if self.stream_id else Kind.TEXT


@dataclass(frozen=True, slots=True)
class Message:
    """A message as one of the two has it."""

    conversation_id: ConversationId
    number: Number
    change: Change
    """The last change of it, in the mailbox of its reader."""
    sender_id: UserId
    receiver_id: UserId
    kind: Kind
    text: str
    picture: FileName
    picture_salt: bytes
    """Signed into the addresses of the picture."""
    picture_small: FileName
    picture_small_salt: bytes
    video_id: VideoId
    """0: none, or the reader may not see it."""
    stream_id: StreamId
    """0: none, or the reader may not see it."""
    client_ref: str
    """Empty: none, or the reader is not the sender."""
    sent_at: dt.datetime
    retracted: bool
    """The sender took it back. It is empty."""
    deleted: bool
    """The reader deleted it for themselves. It is empty."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as one of the two has it."""

    id: ConversationId
    change: Change
    other_id: UserId
    state: State
    last_number: Number
    """Of the last message that arrived here."""
    read_number: Number
    """Messages up to here are read."""
    other_read_number: Number
    """Messages up to here are read by the other. 0 until the other accepts."""
    deleted_number: Number
    """Messages up to here are deleted for the user."""
    unread: int
    hidden: bool
    """One of the two blocks the other."""


@dataclass(frozen=True, slots=True)
class Listed:
    conversation: Conversation
    last: Message | None
    """None: the user deleted all messages one by one."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What changed in a mailbox after a change."""

    messages: Sequence[Message]
    conversations: Sequence[Conversation]
    last_change: Change
    """Up to here it is complete."""
    more: bool
    """There are later changes."""


class NothingToSend(ControlPlaneError):
    code = "nothing_to_send"
    kind = ErrorKind.MALFORMED

    def __init__(self) -> None:
        super().__init__("Send a text, or one picture, video or stream.")


class NothingToShare(ControlPlaneError):
    """There is no such video or stream, or the sender may not see it."""

    code = "nothing_to_share"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This cannot be shared. It may have been deleted.")


class NotYetAccepted(ControlPlaneError):
    """A stranger has sent as many messages as may wait."""

    code = "message_request_waits"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You can send more messages when this user accepts your request.")


class TooManyStrangers(ControlPlaneError):
    code = "too_many_strangers"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have written to many new people today. Please try again tomorrow.")


class ClientRefUsed(ControlPlaneError):
    code = "client_ref_used"
    kind = ErrorKind.CONFLICT

    def __init__(self) -> None:
        super().__init__("This client_ref was used for another message before. Please use a new one.")


class NoSuchMessage(ControlPlaneError):
    code = "no_such_message"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such message.")


class NoSuchConversation(ControlPlaneError):
    code = "no_such_conversation"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no conversation with this user.")


class TooLateToRetract(ControlPlaneError):
    code = "too_late_to_retract"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("It is too late to take this message back. You can delete it for yourself.")
