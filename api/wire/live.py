"""A live stream."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.wire.values import NO_TIME, Flag, Id, Url, WireTime


class LiveStreaming(msgspec.Struct, frozen=True, kw_only=True):
    """The last seven are for the owner's eyes alone, left out for everybody else; all but `playing…` carry the stream key or belong to it."""

    id: Id = 0
    user_id: Id = 0
    channel_name: str = ""
    """The id as text."""
    started_at: WireTime = NO_TIME
    """As the phone's own clock said."""
    ended_at: WireTime = NO_TIME
    duration: int = 0
    """Seconds, once it has ended."""
    status: Literal["live", "ended"] = "live"
    """`live` from its making to its end, interruptions included."""
    earn_coin: int = 0
    created: WireTime = NO_TIME
    playback_url: Url = ""
    """Ends in `.m3u8`, before any query."""
    websocket_url: Url = ""
    visibility: Literal["public", "followers", "private", "pin", "paid"] = "public"
    title: str = ""
    join_price: int = 0
    """Coins for entry."""
    whep_url: Url | UnsetType = UNSET
    """For everybody, where low latency is offered."""
    rtmp_url: Url | UnsetType = UNSET
    rtmp_server: Url | UnsetType = UNSET
    stream_key: str | UnsetType = UNSET
    whip_url: Url | UnsetType = UNSET
    srt_url: Url | UnsetType = UNSET
    playing: Flag | UnsetType = UNSET
    """For the owner: whether media truly flows; left out while nobody knows."""
    playing_note: str | UnsetType = UNSET
    """For the owner, together with `playing`: what viewers miss and what to change at the encoder, to be shown as it is. Empty when all is well."""
