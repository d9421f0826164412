"""A gift of the catalogue, and a gift that was sent."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from api.http.urls import Urls
from api.wire.values import NO_TIME, Flag, Id, Url, WireTime, wire_time
from control_plane.gifts.gift import Gift as GiftOnSale
from control_plane.gifts.gift import SentGift

GiftType = Literal["normal", "premium", "luxury"]


class Gift(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    title: str = ""
    coin: int = 0
    image: Url = ""
    """Never contains `=====`, and neither does `title`: one app separates the parts of a chat line with it."""
    icon: Url = ""
    type: GiftType = "normal"
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


def gift_view(gift: GiftOnSale, urls: Urls) -> Gift:
    picture = urls.gift_picture(gift.picture)
    return Gift(
        id=gift.id,
        title=gift.title,
        coin=gift.coins,
        image=picture,
        icon=picture,
        type=cast("GiftType", gift.category),
        featured=int(gift.featured),
        time=gift.time_s,
        position=str(gift.position),
        created=wire_time(gift.created_at),
    )


def sent_view(sent: SentGift, urls: Urls) -> GiftSend:
    return GiftSend(
        id=sent.id,
        sender_id=sent.sender_id,
        receiver_id=sent.receiver_id,
        gift_id=sent.gift_id,
        gift_count=sent.count,
        coin=sent.coins,
        title=sent.title,
        image=urls.gift_picture(sent.picture),
        video_id=sent.video_id or 0,
        live_streaming_id=sent.stream_id or 0,
        created=wire_time(sent.created_at),
    )
