"""Downloads of videos."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import Id, Request, Text
from api.http.urls import video_file
from control_plane.storage.model import is_private
from control_plane.videos.downloads import WAIT_S, DownloadRefused, NotMadeYet
from control_plane.videos.video import VideoId, VideoNotFound

section = Section("feed")


class DownloadVideo(Request, frozen=True, kw_only=True):
    video_id: Id


class DeleteWaterMarkVideo(Request, frozen=True, kw_only=True):
    video_url: Text = ""
    """Not used."""


@section.endpoint("downloadVideo", refusals=(VideoNotFound, DownloadRefused, NotMadeYet), waits_s=WAIT_S)
async def download_video(call: Call, body: DownloadVideo) -> str:
    """The URL of the video with a watermark, for the caller, for an hour or more. It is made when it is first asked for:
    the call waits up to 45 s, then asks to be repeated. Owners may turn downloads off (`videos_download`)."""
    call.check_trusted()
    download = await call.videos.downloads.of(call.user_id, VideoId(body.video_id))
    if not is_private(download.name):
        return call.urls.media(download.name)
    return video_file(call.urls.video_folder(download.video), "watermarked", download.name)


@section.endpoint("deleteWaterMarkVideo")
async def delete_water_mark_video(call: Call, body: DeleteWaterMarkVideo) -> str:
    """Does nothing: the copy with the watermark is deleted with its video."""
    return "The file is deleted with its video."
