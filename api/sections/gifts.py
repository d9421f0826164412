"""The gift catalogue, and sending gifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import field
from msgspec.structs import asdict

from api.contract.call import Call
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, ClientRef, Id, MalformedRequest, Request, Text
from api.http.urls import Urls
from api.wire.gift import Gift, GiftSend, gift_view, sent_view
from api.wire.profile import Profile, caller_of, own_profile
from control_plane.accounts.age import AgeUnknown, TooYoung
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import GiftId, StreamId, UserId
from control_plane.gifts.gift import Gift as GiftOnSale
from control_plane.gifts.sending import (
    LARGEST_COUNT,
    GiftOrder,
    GiftToOneself,
    InvalidGiftCount,
    ReceiverNotLive,
    UnknownGift,
)
from control_plane.ledger.transfers import IdempotencyConflict, InvalidClientRef, NotEnoughCoins, TooManyCoins
from control_plane.streams.model import StreamOver

section = Section("gifts")

Count = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": LARGEST_COUNT})]
"""The bounds are only documented here. `control_plane.gifts.sending` checks them for REST and the live socket."""


class GiftEntry(msgspec.Struct, frozen=True):
    gift: Gift = field(name="Gift")


class ShowGifts(Request, frozen=True, kw_only=True):
    id: Id | None = None
    """Return only this gift. 0 or empty: all gifts."""
    type: Text = ""
    """Return only gifts of this type: `normal`, `premium` or `luxury`. Empty: all types."""


@section.endpoint("showGifts", access=Access.OPEN)
async def show_gifts(call: Call, body: ShowGifts) -> list[GiftEntry]:
    """The gift catalogue. With `id` or `type`: only the gifts that match."""
    gifts = await call.giving.assortment.gifts()
    if body.id is None and not body.type:
        return _whole_catalogue(gifts, call.urls)
    wanted = {id_: gift for id_, gift in gifts.items() if body.id in (None, id_) and body.type in ("", gift.category)}
    return _views(wanted, call.urls)


def _views(gifts: Mapping[GiftId, GiftOnSale], urls: Urls) -> list[GiftEntry]:
    return [GiftEntry(gift_view(gift, urls)) for gift in gifts.values()]


_whole_catalogue = EncodedOnce(_views)  # cached: every app requests it at every start


class SendGift(Request, frozen=True, kw_only=True):
    gift_id: Id
    """The id of a gift in `showGifts`."""
    gift_count: Count
    """How many of this gift to send."""
    sender_id: CallerId | None = None
    receiver_id: Id | None = None
    """The user who receives the gift. Optional when `live_streaming_id` names the stream."""
    live_streaming_id: Id | None = None
    """The receiver's stream. 0 or empty: the one that is live now; without one, the gift is told in the receiver's
    inbox."""
    client_ref: ClientRef | None = None
    """A repeated call with the same key returns the first result and moves no coins. Keys are shared with the `id` of
    gift frames on the live socket."""


class SendGiftAnswer(Profile, frozen=True, kw_only=True):
    gift_send: GiftSend = field(name="GiftSend")
    sent_gift: GiftSend = field(name="SentGift")


@section.endpoint(
    "sendGift",
    access=Access.PROVEN,
    refusals=(
        *(GiftToOneself, InvalidGiftCount, ReceiverNotLive, StreamOver, UnknownGift, UserNotFound),
        *(AgeUnknown, TooYoung),
        *(IdempotencyConflict, InvalidClientRef, NotEnoughCoins, TooManyCoins),
    ),
)
async def send_gift(call: Call, body: SendGift) -> SendGiftAnswer:
    """Send a gift to a live host or to any other user. `receiver_id` or `live_streaming_id` is needed. `User` in the answer is the sender, with
    the new wallet."""
    gifts, gift_id = call.giving.gifts, GiftId(body.gift_id)
    stream_id = StreamId(body.live_streaming_id) if body.live_streaming_id else None
    if body.receiver_id is None:
        if stream_id is None:
            raise MalformedRequest("receiver_id or live_streaming_id is missing.")
        outcome = await gifts.send_to_stream(call.user_id, stream_id, gift_id, body.gift_count, body.client_ref)
    else:
        order = GiftOrder(
            sender_id=call.user_id,
            receiver_id=UserId(body.receiver_id),
            gift_id=gift_id,
            count=body.gift_count,
            stream_id=stream_id,
        )
        outcome = await gifts.send(order, body.client_ref)
    sent = sent_view(outcome.sent, call.urls)
    sender = own_profile(call, await caller_of(call))
    return SendGiftAnswer(**asdict(sender), gift_send=sent, sent_gift=sent)
