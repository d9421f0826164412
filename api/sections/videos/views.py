"""Views of videos."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Id, MalformedRequest, Request, Text, as_whole
from api.http.address import limit_key
from control_plane.base.ids import LARGEST_ID
from control_plane.videos.video import VideoId
from control_plane.videos.views.views import MOST_MS

section = Section("analytics")

MOST = 100
"""Videos of one call. More: one statement locks more counters. Fewer: a phone that was offline calls more often."""


class WatchVideo(Request, frozen=True, kw_only=True):
    video_id: Id | None = None
    """One video."""
    duration: float = 0
    """Seconds for which it was watched."""
    watch_videos: Annotated[list[Any], msgspec.Meta(max_length=MOST)] = msgspec.field(default_factory=list)
    """Several videos, each as `{"video_id": 7, "duration": 12.5}`, with numbers as such or as text."""
    device_id: Text = ""
    """The phone of a guest."""
    user_id: CallerId | None = None


@section.endpoint("watchVideo", access=Access.GUEST)
async def watch_video(call: Call, body: WatchVideo) -> str:
    """Count views: one of each viewer, video and half hour, however often it is reported. The time is added up. Videos that
    the caller does not see are left out."""
    if body.video_id is None and not body.watch_videos:
        raise MalformedRequest("video_id or watch_videos must name a video.")
    watched: dict[VideoId, int] = {}
    for video_id, duration in _named(body):
        watched[video_id] = watched.get(video_id, 0) + _ms(duration)
    await call.videos.views.record(watched, call.viewer_id, limit_key(call.address), body.device_id)
    return "The views are counted."


def _named(body: WatchVideo) -> Iterator[tuple[VideoId, Any]]:
    """The videos and the seconds of each. What names no video is left out."""
    if body.video_id is not None:
        yield VideoId(body.video_id), body.duration
    for entry in body.watch_videos:
        video_id = as_whole(entry.get("video_id")) if isinstance(entry, dict) else None
        if isinstance(video_id, int) and not isinstance(video_id, bool) and 1 <= video_id <= LARGEST_ID:
            yield VideoId(video_id), entry.get("duration")


def _ms(seconds: Any) -> int:
    """Whole milliseconds; 0 for what is no number."""
    try:
        ms = float(seconds) * 1000
    except (TypeError, ValueError, OverflowError):
        return 0
    return int(min(max(ms, 0.0), MOST_MS)) if math.isfinite(ms) else 0
