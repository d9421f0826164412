"""Video feeds."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import CallerId, Page, Request, Text
from api.sections.videos.items import feed_items
from api.wire.feed import FeedItem
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
    videos = await feed(call.platform.database, call.viewer_id, *window(body.starting_point))
    return await feed_items(call, videos)
