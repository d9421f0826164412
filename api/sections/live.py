"""Live streams: going live, ending a stream, rotating its key, watching."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType, field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.errors import SessionMissing
from api.contract.request import CallerId, Flag, Id, MalformedRequest, Request, Text
from api.wire.live import LiveStreaming, live_view
from api.wire.person import User, user_view
from api.wire.profile import caller_of, own_user
from control_plane.accounts.age import Activity, AgeUnknown, TooYoung
from control_plane.accounts.user import UserNotFound
from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId
from control_plane.config.settings import LONGEST_GRACE_S
from control_plane.live.audience import Audience, viewer_of
from control_plane.streams import store
from control_plane.streams.model import (
    EndReason,
    NotYourStream,
    Stream,
    StreamNotFound,
    StreamNotOpen,
    StreamOptions,
    StreamOver,
    Visibility,
    VisibilityNotAvailable,
)

section = Section("live")

Grace = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_GRACE_S)]
Price = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Title = Annotated[
    str, msgspec.Meta(max_length=140, description="a longer one is cut at 140 characters", extra={"cut": 140})
]
Visible = Annotated[Visibility, msgspec.Meta(extra={"accepted": (Visibility.PUBLIC.value,)})]
Pin = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4,8})?\Z", extra={"must": "must be 4 to 8 digits"})]


class LiveStream(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    id: Id | None = None
    """The caller's stream to end or to give a new key. 0 or empty: go live with a new stream."""
    started_at: Text = ""
    """The start by the phone's clock, YYYY-MM-DD HH:MM:SS. It is only shown to users."""
    ended_at: Text = ""
    """With `id`: any text ends the stream. Apps send YYYY-MM-DD HH:MM:SS, but the server uses its own clock."""
    title: Title = ""
    """The title that viewers see."""
    visibility: Visible = Visibility.PUBLIC
    """Who may watch. Only `public` is available yet; every other value is refused with code 201."""
    pin: Pin = ""
    """4 to 8 digits, for a `visibility` that is not available yet. Not stored."""
    price: Price = 0
    """Price of entry in coins, for a `visibility` that is not available yet. Not stored."""
    grace_s: Grace | None = None
    """Grace time: how many seconds the stream waits for a disconnected publisher before it ends. Left out: the server's
    default, normally 60."""
    rotate_key: Flag = 0
    """1, with `id`: issue a new stream key and disconnect a publisher that uses the old key."""


class LiveStreamAnswer(msgspec.Struct, frozen=True, kw_only=True):
    live_streaming: LiveStreaming = field(name="LiveStreaming")
    user: User | UnsetType = field(default=UNSET, name="User")


@section.endpoint(
    "liveStream",
    refusals=(AgeUnknown, NotYourStream, StreamNotFound, StreamOver, TooYoung, VisibilityNotAvailable),
)
async def live_stream(call: Call, body: LiveStream) -> LiveStreamAnswer:
    """Go live: create a stream and return its key and publish URLs. With `id` and `ended_at`: end that stream. With
    `id` and `rotate_key`: issue a new key for it."""
    if body.id is None:
        if body.ended_at or body.rotate_key:
            raise MalformedRequest("id is missing. Send the id of the stream to end or to give a new key.")
        own = await caller_of(call)
        call.accounts.ages.check(Activity.GO_LIVE, own.user.dob, utc_now().date())
        options = _options(call, body)
        if not call.trusted:  # an unproven caller may not set options of the owner's stream
            options = StreamOptions(grace_s=call.platform.settings.grace_s)
        stream = await call.streams.lifecycle.go_live(call.user_id, options, proven=call.trusted)
    else:
        stream = await _change(call, body, StreamId(body.id))
        own = await caller_of(call)
    # An unproven caller gets the id, which is all that old builds read, but no key, and no details unless it is public.
    if not call.trusted and stream.visibility is not Visibility.PUBLIC:
        stream = dataclasses.replace(stream, title="", price=0, local_start="")
    key = (
        call.streams.keys.issue(stream.id, stream.key_version, stream.key_salt)
        if call.trusted and not stream.ended
        else None
    )
    view = live_view(stream, call.urls, key, call.streams.prober.seen(stream.id))
    if not call.trusted:
        return LiveStreamAnswer(live_streaming=view, user=user_view(own.user, call.urls))
    # Old apps overwrite their own user record with this user.
    user = own_user(call, own, call.token if call.proven else "")
    return LiveStreamAnswer(live_streaming=view, user=user)


async def _change(call: Call, body: LiveStream, stream_id: StreamId) -> Stream:
    stream = await store.get(call.platform.database, stream_id)
    if stream is None:
        raise StreamNotFound("There is no such stream.")
    if stream.user_id != call.user_id or not call.trusted:
        raise NotYourStream("This is not your stream.")
    lifecycle, reconciler = call.streams.lifecycle, call.streams.reconciler
    if body.ended_at:
        ended = await lifecycle.end(stream_id, EndReason.OWNER)
        if ended is not None:
            await reconciler.disconnect(ended)
        return ended or await _again(call, stream_id)
    if body.rotate_key:
        rotated = await lifecycle.rotate(stream_id)
        if rotated is None:
            raise StreamOver("This stream has ended.")
        await reconciler.disconnect(rotated)
        return rotated
    if body.visibility not in (Visibility.PUBLIC, stream.visibility):
        raise VisibilityNotAvailable
    return stream


async def _again(call: Call, stream_id: StreamId) -> Stream:
    stream = await store.get(call.platform.database, stream_id)
    assert stream is not None, "streams are never deleted"
    return stream


def _options(call: Call, body: LiveStream) -> StreamOptions:
    if body.visibility is not Visibility.PUBLIC:
        raise VisibilityNotAvailable
    return StreamOptions(
        title=body.title,
        grace_s=call.platform.settings.grace_s if body.grace_s is None else body.grace_s,
        local_start=_local_time(body.started_at),
    )


def _local_time(text: str) -> str:
    """The time without its zone, or "" if it is not in ISO 8601. It is only displayed, so bad input is no error."""
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    except ValueError:
        return ""


class WatchLiveStream(Request, frozen=True, kw_only=True):
    live_streaming_id: Id
    """The id of a stream, from `GET /live` or the address of a watch page."""
    user_id: CallerId | None = None
    coin: Text = ""
    """Coins for entry. Not used yet."""
    pin: Text = ""
    """PIN for entry. Not used yet."""


class WatchLiveStreamAnswer(msgspec.Struct, frozen=True, kw_only=True):
    user: User = field(name="User")
    live_streaming: LiveStreaming = field(name="LiveStreaming")


@section.endpoint("watchLiveStream", refusals=(StreamNotFound, StreamNotOpen, StreamOver, UserNotFound))
async def watch_live_stream(call: Call, body: WatchLiveStream) -> WatchLiveStreamAnswer:
    """Enter a stream as a viewer. `User` in the answer is the caller, with the current wallet."""
    caller = call.caller if call.trusted else None
    entered = await store.entered_by(call.platform.database, viewer_of(caller), StreamId(body.live_streaming_id))
    if entered is None:
        raise StreamNotFound("There is no such stream.")
    stream, coins = entered
    audience = Audience(stream.user_id, stream.visibility is Visibility.PUBLIC)
    if not audience.admits(caller):  # checked first: only the audience may learn whether it is live
        raise StreamNotOpen("This stream is not public. Its host decides who may watch it.")
    if stream.ended:
        raise StreamOver("This stream has ended.")
    if not call.trusted:  # the answer has the caller's wallet
        raise SessionMissing
    own = await call.accounts.sessions.own_user(call.user_id)
    if own is None:
        raise UserNotFound
    user = own_user(call, msgspec.structs.replace(own, coins=coins))
    return WatchLiveStreamAnswer(user=user, live_streaming=live_view(stream, call.urls))
