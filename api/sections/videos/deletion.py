"""The deletion of a video by its owner."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import Id, Request
from control_plane.videos.video import VideoId, VideoNotFound

section = Section("video")


class DeleteVideo(Request, frozen=True, kw_only=True):
    video_id: Id
    """A video of the caller."""


@section.endpoint("deleteVideo", refusals=(VideoNotFound,))
async def delete_video(call: Call, body: DeleteVideo) -> str:
    """Delete a video of the caller, whether it is processed already or not. It is in no list from then on, and the addresses
    of its files end. Duets of it stay."""
    call.check_trusted()
    await call.videos.deletion.delete(call.user_id, VideoId(body.video_id))
    return "The video is deleted."
