"""Video feeds."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import CallerId, Page, Request, Text
from api.wire.feed import FeedItem, feed_item
from api.wire.person import seen_view, video_view
from control_plane.social.people import people
from control_plane.videos.store import feed

section = Section("feed")


class ShowRelatedVideos(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    device_id: Text = ""
    """The id of the phone. Not used."""
    starting_point: Page = Page(0)


@section.endpoint("showRelatedVideos", access=Access.GUEST)
async def show_related_videos(call: Call, body: ShowRelatedVideos) -> list[FeedItem]:
    """A page of the home feed. A page after the last one is empty."""
    viewer_id = call.viewer_id
    videos = await feed(call.platform.database, viewer_id, *window(body.starting_point))
    owners = await people(call.platform.database, viewer_id, list({video.user_id for video in videos}))
    shown = {user_id: seen_view(owner, call.urls) for user_id, owner in owners.items()}
    return [
        feed_item(video_view(video, shown[video.user_id], call.urls))
        for video in videos
        if video.user_id in shown  # else the owner was hidden after the feed was read
    ]
