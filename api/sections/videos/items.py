"""The items that lists of videos consist of."""

from __future__ import annotations

from collections.abc import Sequence

from api.contract.call import Call
from api.wire.feed import FeedItem, feed_item
from api.wire.person import User, seen_view, video_view
from control_plane.social.people import people, person
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import Video, VideoId, VideoNotFound


async def feed_items(call: Call, videos: Sequence[Video]) -> list[FeedItem]:
    """Items of these videos, with all their users in one query. A video is missing if its owner was hidden after the list
    was read."""
    wanted = {user_id for video in videos for user_id in (video.user_id, video.duet_user_id) if user_id is not None}
    found = await people(call.platform.database, call.viewer_id, list(wanted)) if wanted else {}
    shown = {user_id: seen_view(seen, call.urls) for user_id, seen in found.items()}
    return [
        feed_item(video, video_view(video, shown[video.user_id], call.urls, shown))
        for video in videos
        if video.user_id in shown
    ]


async def one_item(call: Call, video_id: VideoId) -> FeedItem:
    """The item of one video. Raises VideoNotFound if the viewer does not see it."""
    found = await seen_by_ids(call.platform.database, call.viewer_id, [video_id])
    items = await feed_items(call, list(found.values()))
    if not items:
        raise VideoNotFound
    return items[0]


async def caller_view(call: Call) -> User:
    """The caller's own record, as others see it, beside a video."""
    return seen_view(await person(call.platform.database, call.user_id, call.user_id), call.urls)
