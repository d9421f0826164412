"""A gift of the catalogue, and a gift that was sent."""

from __future__ import annotations

from typing import Literal

import msgspec

from api.wire.values import NO_TIME, Flag, Id, Url, WireTime


class Gift(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    title: str = ""
    coin: int = 0
    image: Url = ""
    """Never contains `=====`, and neither does `title`: one app separates the parts of a chat line with it."""
    icon: Url = ""
    type: Literal["normal", "premium", "luxury"] = "normal"
    featured: Flag = 0
    time: int = 0
    """Length of the animation in seconds."""
    position: str = ""
    created: WireTime = NO_TIME


class GiftSend(msgspec.Struct, frozen=True, kw_only=True):
    """A sent gift. Answers have it twice, as `GiftSend` and as `SentGift`."""

    id: Id = 0
    sender_id: Id = 0
    receiver_id: Id = 0
    gift_id: Id = 0
    gift_count: int = 0
    coin: int = 0
    """Coins paid: the price at the time of sending × `gift_count`."""
    title: str = ""
    image: Url = ""
    video_id: Id = 0
    live_streaming_id: Id = 0
    created: WireTime = NO_TIME
