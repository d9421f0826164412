"""Types of a stream's numbered events and of its stats. Everything that viewers receive about a stream is defined
here."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from control_plane.base.ids import UserId


class EventType(StrEnum):
    GIFT = "gift"
    CHAT = "chat"
    CHAT_DELETED = "chat_deleted"
    USER_MUTED = "user_muted"
    USER_BANNED = "user_banned"
    PINNED = "pinned"
    STATUS = "status"


class Status(StrEnum):
    """Status of a stream: `created → live ⇄ interrupted → ended`."""

    CREATED = "created"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"


class EndReason(StrEnum):
    OWNER = "owner"
    GRACE_OVER = "grace_over"
    REPLACED = "replaced"
    OPERATOR = "operator"
    NEVER_PUBLISHED = "never_published"


class Person(msgspec.Struct, frozen=True):
    user_id: UserId
    username: str
    profile_pic: str


class Combo(msgspec.Struct, frozen=True):
    id: str
    count: int


class Gift(msgspec.Struct, frozen=True):
    gift_id: int
    title: str
    icon: str
    count: int
    coins: int
    """Total price: price × count."""
    sender: Person
    receiver_id: UserId
    sender_total: int
    """Coins that the sender has given to this stream, this gift included."""
    combo: Combo


class Summary(msgspec.Struct, frozen=True):
    duration_s: int
    peak_viewers: int
    coins: int
    likes: int


class StatusChange(msgspec.Struct, frozen=True, omit_defaults=True):
    status: Status
    reason: str | None = None
    summary: Summary | None = None


EventData = Gift | StatusChange


class Gifter(msgspec.Struct, frozen=True):
    """One of the users who gave the most coins to a stream."""

    user_id: UserId
    username: str
    coins: int


class Newcomer(msgspec.Struct, frozen=True):
    user_id: UserId
    username: str


class Stats(msgspec.Struct, frozen=True, tag_field="type", tag="stats"):
    """The current figures of a stream. Not an event: it has no number, and each frame replaces the previous one."""

    viewers: int
    likes: int
    coins: int
    top_gifters: Sequence[Gifter]
    joined: Sequence[Newcomer]
    """Users who joined since the previous of these frames."""
