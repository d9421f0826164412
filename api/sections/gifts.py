"""The gift catalogue, and sending gifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from api.wire.profile import Profile, own_profile
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
from control_plane.gifts.writer import TooManyGifts
from control_plane.ledger.transfers import (
    IdempotencyConflict,
    InDebt,
    InvalidClientRef,
    NotEnoughCoins,
    TooManyCoins,
)
from control_plane.streams.model import StreamOver
from control_plane.videos.video import VideoId, VideoNotFound

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
    """The user who receives the gift. Optional when `live_streaming_id` or `video_id` says it."""
    live_streaming_id: Id | None = None
    """The receiver's stream. 0 or empty: the one that is live now; without one, the gift is told in the receiver's
    inbox."""
    video_id: Id | None = None
    """The receiver's video, for which the gift is told in the inbox. Counts only without `live_streaming_id`."""
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
        *(GiftToOneself, InvalidGiftCount, ReceiverNotLive, StreamOver, UnknownGift, UserNotFound, VideoNotFound),
        *(AgeUnknown, TooYoung),
        *(IdempotencyConflict, InvalidClientRef, NotEnoughCoins, TooManyCoins, InDebt, TooManyGifts),
    ),
)
async def send_gift(call: Call, body: SendGift) -> SendGiftAnswer:
    """Send a gift to a live host, for a video or to any other user. One of `receiver_id`, `live_streaming_id` and
    `video_id` is needed. `User` in the answer is the sender, with the new wallet."""
    stream_id = StreamId(body.live_streaming_id) if body.live_streaming_id else None
    video_id = VideoId(body.video_id) if body.video_id and stream_id is None else None
    if body.receiver_id is None and stream_id is None and video_id is None:
        raise MalformedRequest("receiver_id, live_streaming_id or video_id is missing.")
    order = GiftOrder(
        sender_id=call.user_id,
        receiver_id=None if body.receiver_id is None else UserId(body.receiver_id),
        gift_id=GiftId(body.gift_id),
        count=body.gift_count,
        stream_id=stream_id,
        video_id=video_id,
    )
    session_id = call.session.session_id if call.session else ""
    outcome = await call.giving.gifts.send(order, body.client_ref, session_id)
    sender = await call.accounts.sessions.own_user(call.user_id)
    if sender is None:
        raise UserNotFound
    sent = sent_view(outcome.sent, call.urls)
    profile = own_profile(call, replace(sender, coins=outcome.wallet.total))
    return SendGiftAnswer(**asdict(profile), gift_send=sent, sent_gift=sent)
