"""Feeds: pages of the newest videos of many users."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Id, MalformedRequest, Page, Request
from api.sections.videos.asking import DeviceId, asked
from api.sections.videos.items import feed_items
from api.wire.feed import FeedItem
from control_plane.videos.lists import NothingFollowed

section = Section("feed")

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90, description="degrees; empty: unknown")]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180, description="degrees; empty: unknown")]
Address = Annotated[
    str, msgspec.Meta(max_length=200, description="a longer one is cut at 200 characters", extra={"cut": 200})
]


class ShowFeed(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    device_id: DeviceId = ""
    starting_point: Page = Page(0)


@section.endpoint("showRelatedVideos", access=Access.GUEST)
async def show_related_videos(call: Call, body: ShowFeed) -> list[FeedItem]:
    """A page of the home feed. A page after the last one is empty."""
    videos = await call.videos.lists.related(call.viewer_id, asked(call, body.starting_point, body.device_id))
    return await feed_items(call, videos)


@section.endpoint("showFollowingVideos", access=Access.GUEST, refusals=(NothingFollowed,))
async def show_following_videos(call: Call, body: ShowFeed) -> list[FeedItem]:
    """A page of the videos of users whom the caller follows, the newest first. Refused where there are none at all, and to
    guests: apps show their suggestions then."""
    if call.viewer_id is None:
        raise NothingFollowed
    videos = await call.videos.lists.following(call.viewer_id, asked(call, body.starting_point, body.device_id))
    return await feed_items(call, videos)


class ShowNearbyVideos(ShowFeed, frozen=True, kw_only=True):
    lat: Latitude | None = None
    long: Longitude | None = None


@section.endpoint("showNearbyVideos", access=Access.GUEST)
async def show_nearby_videos(call: Call, body: ShowNearbyVideos) -> list[FeedItem]:
    """A page of the public videos of about 50 km around a position, the newest first. Without a position it is empty."""
    if body.lat is None or body.long is None:
        return []
    page = asked(call, body.starting_point, body.device_id)
    return await feed_items(call, await call.videos.lists.nearby(call.viewer_id, page, body.lat, body.long))


class ShowVideosAgainstLocation(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    location_id: Id | None = None
    """The id of a location."""
    location_string: Address = ""
    """Without an id: the address of a location."""
    starting_point: Page = Page(0)


@section.endpoint("showVideosAgainstLocation", access=Access.GUEST)
async def show_videos_against_location(call: Call, body: ShowVideosAgainstLocation) -> list[FeedItem]:
    """A page of the public videos of a location, the newest first."""
    if body.location_id is None and not body.location_string:
        raise MalformedRequest("location_id is missing.")
    address = body.location_string if body.location_id is None else None
    page = asked(call, body.starting_point)
    return await feed_items(call, await call.videos.lists.at_location(call.viewer_id, page, body.location_id, address))
