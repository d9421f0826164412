"""What the owner changes about a video without another upload."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import Flag, Id, Request, YesNo
from api.sections.videos.items import one_item
from api.sections.videos.options import PrivacyType
from api.wire.feed import FeedItem
from control_plane.videos.pinning import pin
from control_plane.videos.posting import Said
from control_plane.videos.video import Privacy, VideoId, VideoNotFound

section = Section("video")


class UpdateVideoDetail(Request, frozen=True, kw_only=True):
    video_id: Id
    """A video of the caller."""
    allow_comments: YesNo | None = None
    """Empty, here and below: unchanged."""
    allow_duet: YesNo | None = None
    privacy_type: PrivacyType = ""


@section.endpoint("updateVideoDetail", refusals=(VideoNotFound,))
async def update_video_detail(call: Call, body: UpdateVideoDetail) -> FeedItem:
    """Who sees a video of the caller, and what others may do with it. The addresses of its files end for those who no longer
    see it."""
    call.check_trusted()
    said = Said(
        privacy=Privacy(body.privacy_type) if body.privacy_type else None,
        allow_comments=None if body.allow_comments is None else bool(body.allow_comments),
        allow_duet=None if body.allow_duet is None else bool(body.allow_duet),
    )
    await call.videos.posting.edit(call.user_id, VideoId(body.video_id), said)
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
    await pin(call.platform.database, VideoId(body.video_id), call.user_id, pinned=bool(body.pin))
    return await one_item(call, VideoId(body.video_id))
