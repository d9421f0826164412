"""A gift: as the catalogue offers it, and as it was sent."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.gifts.catalogue import GiftCategory


@dataclass(frozen=True, slots=True)
class Gift:
    id: GiftId
    title: str
    coins: int
    picture: str
    """Its file name among the gifts' pictures."""
    category: GiftCategory
    featured: bool
    time_s: int
    """How long it is shown."""
    position: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class SentGift:
    id: int
    stream_id: StreamId | None
    seq: Seq | None
    """Number of its event in the stream's log."""
    gift_id: GiftId
    title: str
    picture: str
    count: int
    coins: int
    """In all: price when sent × count."""
    sender_id: UserId
    receiver_id: UserId
    created_at: dt.datetime
