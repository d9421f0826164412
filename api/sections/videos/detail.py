"""Single videos."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Id, Request
from api.sections.videos.items import one_item
from api.wire.feed import FeedItem
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.videos.video import VideoId, VideoNotFound

section = Section("feed")


class NoAdvertisement(ControlPlaneError):
    """No video is promoted."""

    code = "no_advertisement"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no advertisement.")


class ShowVideoDetail(Request, frozen=True, kw_only=True):
    video_id: Id
    user_id: CallerId | None = None


@section.endpoint("showVideoDetail", access=Access.GUEST, refusals=(VideoNotFound,))
async def show_video_detail(call: Call, body: ShowVideoDetail) -> FeedItem:
    """A video. One that the caller may not see does not exist; the own ones include those that are being processed."""
    return await one_item(call, VideoId(body.video_id))


class ShowVideoDetailAd(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


@section.endpoint("showVideoDetailAd", access=Access.OPEN, refusals=(NoAdvertisement,))
async def show_video_detail_ad(call: Call, body: ShowVideoDetailAd) -> FeedItem:
    """The video that an app shows while it starts. This release has no promotions, so there is none."""
    raise NoAdvertisement
