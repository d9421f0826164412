"""A gift of the catalogue, and a gift that was sent."""

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
    """File name in `artwork/`, or the name of a stored file."""
    category: GiftCategory
    featured: bool
    time_s: int
    """Duration of the animation."""
    position: int
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class SentGift:
    id: int
    stream_id: StreamId | None
    seq: Seq | None
    """Sequence number of its event in the stream's log."""
    gift_id: GiftId
    title: str
    picture: str
    count: int
    coins: int
    """Total: the price when it was sent × count."""
    sender_id: UserId
    receiver_id: UserId
    created_at: dt.datetime
