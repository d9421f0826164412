"""The types of a stream's numbered events. The log does not look into what an event holds: that is defined by the
domain that adds it (`streams/events.py`, `gifts/events.py`)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class EventType(StrEnum):
    GIFT = "gift"
    CHAT = "chat"
    CHAT_DELETED = "chat_deleted"
    USER_MUTED = "user_muted"
    USER_BANNED = "user_banned"
    PINNED = "pinned"
    STATUS = "status"


class EventData(msgspec.Struct, frozen=True):
    """What an event holds. Each domain has a subclass for each type of its events."""
