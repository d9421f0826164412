"""The gift catalogue, and sending gifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import field
from msgspec.structs import replace

from api.contract.call import Call
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import CallerId, ClientRef, Id, MalformedRequest, Page, Request, Text
from api.http.urls import Urls
from api.wire.gift import Gift, GiftSend, gift_view, sent_view
from api.wire.person import User, seen_view
from api.wire.profile import Profile, own_profile
from control_plane.accounts.age import AgeUnknown, TooYoung
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import GiftId, StreamId, UserId
from control_plane.gifts import store
from control_plane.gifts.boards_store import Board, Period
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
from control_plane.live.audience import Audience, viewer_of
from control_plane.social.follows import AccountPrivate, check_lists
from control_plane.social.people import people
from control_plane.streams import store as streams
from control_plane.streams.model import StreamNotFound, StreamNotOpen, StreamOver, Visibility
from control_plane.videos.store import seen_by_ids
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
    return SendGiftAnswer(
        user=profile.user,
        push_notification=profile.push_notification,
        privacy_setting=profile.privacy_setting,
        gift_send=sent,
        sent_gift=sent,
    )


class ShowSentGiftsAgainstVideo(Request, frozen=True, kw_only=True):
    video_id: Id
    starting_point: Page = Page(0)


class SentGiftEntry(msgspec.Struct, frozen=True, kw_only=True):
    gift_send: GiftSend = field(name="GiftSend")
    sent_gift: GiftSend = field(name="SentGift")
    gift: Gift = field(name="Gift")
    """As it is in the catalogue now, also if it is no longer sold."""
    user: User = field(name="User")
    """The sender."""


@section.endpoint("showSentGiftsAgainstVideo", access=Access.GUEST, refusals=(VideoNotFound,))
async def show_sent_gifts_against_video(call: Call, body: ShowSentGiftsAgainstVideo) -> list[SentGiftEntry]:
    """A page of the gifts that were sent for a video, newest first. Users who may see the video see them, without those
    from users whom they do not see. A page after the last one is empty."""
    database, video_id = call.platform.database, VideoId(body.video_id)
    if not await seen_by_ids(database, call.viewer_id, [video_id]):
        raise VideoNotFound
    sent = await store.on_video(database, video_id, call.viewer_id, *window(body.starting_point))
    senders = await people(database, call.viewer_id, list({gift.sender_id for gift, _ in sent}))
    shown = {user_id: seen_view(sender, call.urls) for user_id, sender in senders.items()}
    entries = []
    for one, gift in sent:
        if one.sender_id in shown:  # else the sender was hidden after the gifts were read
            view = sent_view(one, call.urls)
            entries.append(
                SentGiftEntry(
                    gift_send=view, sent_gift=view, gift=gift_view(gift, call.urls), user=shown[one.sender_id]
                )
            )
    return entries


class ShowTopGifters(Request, frozen=True, kw_only=True):
    period: Literal["stream", "day", "week", "all"]
    """The gifts of this stream, or all gifts to the receiver: today, this week, ever. Days and weeks are those of UTC; a
    week begins on Monday."""
    live_streaming_id: Id | None = None
    """The stream, which may have ended; with another `period`: its host is the receiver."""
    receiver_id: Id | None = None
    """The receiver. Counts only without `live_streaming_id`."""
    starting_point: Page = Page(0)


class TopGifter(msgspec.Struct, frozen=True, kw_only=True):
    place: int
    """From 1."""
    coin: int
    user: User = field(name="User")


class OwnStanding(msgspec.Struct, frozen=True, kw_only=True):
    place: int
    """0: the caller is not among the first 100."""
    coin: int


class TopGifters(msgspec.Struct, frozen=True, kw_only=True):
    top_gifters: list[TopGifter] = field(name="TopGifters")
    own: OwnStanding = field(name="Own")
    """The caller's own place and coins. Zeros for guests."""


@section.endpoint(
    "showTopGifters",
    access=Access.GUEST,
    refusals=(AccountPrivate, StreamNotFound, StreamNotOpen, UserNotFound),
)
async def show_top_gifters(call: Call, body: ShowTopGifters) -> TopGifters:
    """A page of the users who have given the most coins to a stream, or to a receiver in a period; the first 100 can be
    reached. Users whom the caller does not see are left out, and the next ones take their places. One of
    `live_streaming_id` and `receiver_id` is needed, and the former for the period `stream`. A private account shows those
    of its streams to everyone who may watch them, the others to its followers only."""
    database, viewer_id = call.platform.database, call.viewer_id
    board = await _board(call, body)
    hidden = await call.social.blocked_users.of(viewer_id)
    standings = await call.giving.boards.show(board, viewer_id, hidden)
    limit, offset = window(body.starting_point)
    page = standings.givers[offset : offset + limit]
    seen = await people(database, viewer_id, [giver.user_id for giver in page])
    shown = [(giver, seen[giver.user_id]) for giver in page if giver.user_id in seen]  # else hidden a moment ago
    return TopGifters(
        top_gifters=[
            TopGifter(place=place, coin=giver.coins, user=seen_view(user, call.urls))
            for place, (giver, user) in enumerate(shown, offset + 1)
        ],
        own=OwnStanding(place=standings.own_place, coin=standings.own_coins),
    )


async def _board(call: Call, body: ShowTopGifters) -> Board:
    """The board that the caller may see. Raises the refusals of showTopGifters."""
    period, boards = Period(body.period), call.giving.boards
    if body.live_streaming_id is None:
        if period is Period.STREAM:
            raise MalformedRequest("live_streaming_id is missing.")
        if body.receiver_id is None:
            raise MalformedRequest("live_streaming_id or receiver_id is missing.")
        receiver_id = UserId(body.receiver_id)
    else:
        caller = call.caller if call.trusted else None
        stream = await streams.seen_by(call.platform.database, viewer_of(caller), StreamId(body.live_streaming_id))
        if stream is None:
            raise StreamNotFound("There is no such stream.")
        if not Audience(stream.user_id, stream.visibility is Visibility.PUBLIC).admits(caller):
            raise StreamNotOpen("This stream is not public. Its host decides who may watch it.")
        if period is Period.STREAM:
            return boards.of_stream(stream.id)
        receiver_id = stream.user_id
    await check_lists(call.platform.database, call.viewer_id, receiver_id)
    return boards.of_receiver(receiver_id, period)
