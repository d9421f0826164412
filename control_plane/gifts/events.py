"""The event of a gift in the log of its stream."""

from __future__ import annotations

import datetime as dt

import msgspec

from control_plane.base.ids import Seq, UserId
from control_plane.eventlog.encoding import encode_event
from control_plane.eventlog.types import EventData, EventType


class Person(msgspec.Struct, frozen=True):
    user_id: UserId
    username: str
    profile_pic: str


class Combo(msgspec.Struct, frozen=True):
    id: str
    """Of a sender and a gift."""
    count: int
    """Which of the gifts of this id it is that followed each other within five seconds: 1, 2, 3 …"""


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


_START, _TOTAL, _END = '{"type":"gift","seq":0', '"sender_total":0', "0}}}"


def parts(at: dt.datetime, gift: Gift) -> tuple[str, str]:
    """The frame of a gift without the numbers that `gifts_send` in the database inserts: what is between `seq` and
    `sender_total`, and between that and the number in the combo. In `gift` these are 0. A text within JSON cannot look
    like one of the separators, because its quotes are escaped."""
    head, _, tail = encode_event(EventType.GIFT, Seq(0), at, gift).removeprefix(_START).rpartition(_TOTAL)
    return head + _TOTAL.removesuffix("0"), tail.removesuffix(_END)
