"""The event of a gift in the log of its stream."""

from __future__ import annotations

import msgspec

from control_plane.base.ids import UserId
from control_plane.eventlog.types import EventData


class Person(msgspec.Struct, frozen=True):
    user_id: UserId
    username: str
    profile_pic: str


class Combo(msgspec.Struct, frozen=True):
    id: str
    count: int


class Gift(EventData, frozen=True):
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
