"""A live stream, as viewers and its owner see it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.http.urls import Urls
from api.wire.values import NO_TIME, Flag, Id, Url, WireTime, wire_time
from control_plane.streams.keys import StreamKey
from control_plane.streams.model import Stream
from control_plane.streams.probing.prober import Seen


class LiveStreaming(msgspec.Struct, frozen=True, kw_only=True):
    """A live stream. The fields from `rtmp_url` on are present only for the stream's owner. Keep them secret: the URLs
    and `stream_key` contain the key to publish with."""

    id: Id = 0
    user_id: Id = 0
    channel_name: str = ""
    """The id as text."""
    started_at: WireTime = NO_TIME
    """The start by the clock of the host's phone."""
    ended_at: WireTime = NO_TIME
    duration: int = 0
    """Length in seconds, after the stream has ended."""
    status: Literal["live", "ended"] = "live"
    """`live` from the creation of the stream to its end, interruptions included."""
    earn_coin: int = 0
    created: WireTime = NO_TIME
    playback_url: Url = ""
    """HLS. The path ends in `.m3u8`."""
    websocket_url: Url = ""
    visibility: Literal["public", "followers", "private", "pin", "paid"] = "public"
    title: str = ""
    join_price: int = 0
    """Price of entry in coins."""
    whep_url: Url | UnsetType = UNSET
    """WebRTC playback (WHEP), with less delay than HLS. It needs H.264 without B-frames, and Opus for sound."""
    rtmp_url: Url | UnsetType = UNSET
    rtmp_server: Url | UnsetType = UNSET
    stream_key: str | UnsetType = UNSET
    whip_url: Url | UnsetType = UNSET
    srt_url: Url | UnsetType = UNSET
    playing: Flag | UnsetType = UNSET
    """For the owner: 1 if the stream plays for viewers, 0 if it does not. Left out while this is unknown."""
    playing_note: str | UnsetType = UNSET
    """For the owner, with `playing`: a text to show, which says what viewers miss and what to change in the encoder.
    Empty when there is no problem."""


def live_view(stream: Stream, urls: Urls, key: StreamKey | None = None, seen: Seen | None = None) -> LiveStreaming:
    """A live stream. With `key` it is the owner's view, with publish URLs and the result of the last probe."""
    playing = seen.playing if seen else None
    return LiveStreaming(
        id=stream.id,
        user_id=stream.user_id,
        channel_name=str(stream.id),
        started_at=stream.local_start or wire_time(stream.created_at),
        ended_at=wire_time(stream.ended_at) if stream.ended_at else NO_TIME,
        duration=stream.duration_s(),
        status="ended" if stream.ended else "live",
        created=wire_time(stream.created_at),
        playback_url=urls.playback(stream.path),
        websocket_url=urls.websocket(stream.id),
        visibility=stream.visibility.value,
        title=stream.title,
        join_price=stream.price,
        whep_url=urls.whep(stream.path),
        rtmp_url=urls.rtmp(stream, key) if key else UNSET,
        rtmp_server=urls.rtmp_server if key else UNSET,
        stream_key=urls.obs_key(stream, key) if key else UNSET,
        whip_url=urls.whip(stream, key) if key else UNSET,
        srt_url=urls.srt(stream, key) if key else UNSET,
        playing=UNSET if key is None or playing is None else int(playing),
        playing_note=UNSET if key is None or seen is None or playing is None else seen.result.note,
    )
