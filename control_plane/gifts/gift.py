"""A gift of the catalogue, a gift that is to be sent, and a gift that was sent."""

from __future__ import annotations

import datetime as dt

import msgspec

from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.gifts.catalogue import GiftCategory
from control_plane.gifts.events import Person
from control_plane.videos.video import VideoId


class Gift(msgspec.Struct, frozen=True):
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


class PreparedGift(msgspec.Struct, frozen=True, kw_only=True):
    """A gift that the database can decide about."""

    sender: Person
    receiver_id: UserId
    stream_id: StreamId | None
    """The stream that the sender named."""
    video_id: VideoId | None
    gift: Gift
    icon: str
    """URL of the gift's picture."""
    count: int
    key: str
    """Idempotency key, of this sender."""
    fingerprint: bytes

    @property
    def coins(self) -> int:
        return self.gift.coins * self.count


class SentGift(msgspec.Struct, frozen=True):
    id: int
    stream_id: StreamId | None
    video_id: VideoId | None
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
