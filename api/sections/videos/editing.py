"""What the owner changes about a video without another upload."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import Flag, Id, Request
from api.sections.videos.items import one_item
from api.sections.videos.options import PrivacyType, Truth
from api.wire.feed import FeedItem
from control_plane.videos import editing
from control_plane.videos.video import Privacy, VideoId, VideoNotFound

section = Section("video")


class UpdateVideoDetail(Request, frozen=True, kw_only=True):
    video_id: Id
    """A video of the caller."""
    allow_comments: Truth
    allow_duet: Truth
    privacy_type: PrivacyType


@section.endpoint("updateVideoDetail", refusals=(VideoNotFound,))
async def update_video_detail(call: Call, body: UpdateVideoDetail) -> FeedItem:
    """Who sees a video of the caller, and what others may do with it. The addresses of its files end for those who no longer
    see it."""
    call.check_trusted()
    await editing.set_details(
        call.platform.database,
        VideoId(body.video_id),
        call.user_id,
        Privacy(body.privacy_type),
        allow_comments=body.allow_comments == "true",
        allow_duet=body.allow_duet == "true",
    )
    return await one_item(call, VideoId(body.video_id))


class PinVideo(Request, frozen=True, kw_only=True):
    video_id: Id
    """A video of the caller."""
    pin: Flag
    """1: show it above the others on the caller's profile."""


@section.endpoint("pinVideo", refusals=(VideoNotFound,))
async def pin_video(call: Call, body: PinVideo) -> FeedItem:
    """Pin a video of the caller to the top of the profile, or unpin it. Several pinned videos stand newest first."""
    call.check_trusted()
    await editing.pin(call.platform.database, VideoId(body.video_id), call.user_id, pinned=bool(body.pin))
    return await one_item(call, VideoId(body.video_id))
