"""The event of a gift in the log of its stream."""

from __future__ import annotations

import datetime as dt

import msgspec

from control_plane.base.clock import iso_ms
from control_plane.base.ids import UserId
from control_plane.eventlog.types import EventData


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


_TOTAL, _END = '"sender_total":0', "0}}"
_encode = msgspec.json.Encoder().encode


def head_of(at: dt.datetime) -> str:
    """What follows the event's number in the frame of every gift of this time, before `parts`."""
    return f',"at":"{iso_ms(at)}","data":'


def parts(gift: Gift) -> tuple[str, str]:
    """The data of a gift without the numbers that `gifts_send` in the database inserts: what is before `sender_total`, and
    between that and the number in the combo. In `gift` these are 0. A text within JSON cannot look like one of the
    separators, because its quotes are escaped."""
    head, _, tail = _encode(gift).decode().rpartition(_TOTAL)
    return head + _TOTAL.removesuffix("0"), tail.removesuffix(_END)
