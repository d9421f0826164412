"""Kinds of inbox entries, what causes them, and the entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container
from enum import IntEnum, StrEnum
from typing import NewType

import msgspec

from control_plane.base.ids import UserId

EntryId = NewType("EntryId", int)
"""Number of an entry in its receiver's inbox: from 1, in the order of the commits."""


class Kind(StrEnum):
    """By the names in the apps' `type`."""

    FOLLOW = "following"
    FOLLOW_REQUEST = "follow_request"
    FOLLOW_ACCEPTED = "follow_accepted"
    MESSAGE = "message"
    LIVE = "live"
    GIFT = "gift"
    VIDEO_LIKE = "video_like"
    VIDEO_COMMENT = "video_comment"
    COMMENT_LIKE = "comment_like"
    COMMENT_REPLY = "comment_reply"
    MENTION = "mention"
    VIDEO_POST = "video_new_post"
    """A user who is followed has posted a video."""
    VIDEO_FAILED = "video_failed"
    """An upload of the user could not be converted."""
    SINGLE = "single"
    """An invitation to a stream of two."""
    MULTIPLE = "multiple"
    """An invitation to a stream of several hosts."""
    REPORT_CLOSED = "report_closed"
    """What operators decided about a report that the user sent."""
    DECISION = "decision"
    """What operators decided about the user, or about something of the user."""
    APPEAL_CLOSED = "appeal_closed"
    PAYOUT = "payout"
    """A payout of the user was approved, paid or rejected."""
    COINS_CREDITED = "coins_credited"
    """Coins of a purchase came after the call."""
    COINS_TAKEN_BACK = "coins_taken_back"
    """A purchase was refunded."""


OWN = frozenset(
    {
        Kind.REPORT_CLOSED,
        Kind.DECISION,
        Kind.APPEAL_CLOSED,
        Kind.COINS_CREDITED,
        Kind.COINS_TAKEN_BACK,
        Kind.PAYOUT,
        Kind.VIDEO_FAILED,
    }
)
"""Kinds about the receiver's own matters, without another sender. Their texts name no one."""
SWITCHES = {
    Kind.FOLLOW: "new_followers",
    Kind.FOLLOW_REQUEST: "new_followers",
    Kind.FOLLOW_ACCEPTED: "new_followers",
    Kind.MESSAGE: "direct_messages",
    Kind.LIVE: "video_updates",
    Kind.VIDEO_LIKE: "likes",
    Kind.VIDEO_COMMENT: "comments",
    Kind.COMMENT_LIKE: "likes",
    Kind.COMMENT_REPLY: "comments",
    Kind.MENTION: "mentions",
    Kind.VIDEO_POST: "video_updates",
}
"""The setting by which a user turns a kind off, a column of `push_setting`. Other kinds are always told."""


PUSH_OF_KIND = {kind: kind.value for kind in Kind} | {Kind.FOLLOW: "follow", Kind.VIDEO_COMMENT: "comment"}
"""The names in the apps' push messages."""
KIND_OF_PUSH = {push: kind for kind, push in PUSH_OF_KIND.items()}


OF_VIDEO = frozenset({Kind.VIDEO_COMMENT, Kind.COMMENT_REPLY, Kind.MENTION, Kind.VIDEO_POST})
"""Kinds whose text is the description of a video or a comment on it."""


class Status(IntEnum):
    """Of an invitation."""

    OPEN = 0
    ACCEPTED = 1
    DECLINED = 2


class Told(msgspec.Struct, frozen=True):
    """What receivers are told. An id of 0: none."""

    kind: Kind
    sender_id: UserId
    stream_id: int = 0
    video_id: int = 0
    room_id: int = 0
    subject_id: int = 0
    """What the entry is about, if it is neither a stream, a video nor a room: a comment, a gift."""
    text: str = ""
    """What the text of the kind shows besides the sender's name: a comment, a title, the name of a gift."""


def shown_text(kind: str, text: str, video_id: int | None, seen: Container[int | None]) -> str:
    """The text of an entry, as long as its receiver sees the video that it belongs to. `seen`: the ids of the videos that
    the receiver sees."""
    return "" if kind in OF_VIDEO and video_id not in seen else text


class Sender(msgspec.Struct, frozen=True):
    """The user who acted, as a push message shows it."""

    id: UserId
    username: str
    name: str
    picture: str


class Entry(msgspec.Struct, frozen=True):
    receiver_id: UserId
    id: EntryId
    told: Told
    status: Status
    read: bool
    created_at: dt.datetime
