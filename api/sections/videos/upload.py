"""Posting a video as a form, and editing what its owner says about it."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.platform import Platform
from api.contract.request import CallerId, Id, MalformedRequest, Request, Text, YesNo
from api.sections.videos.items import one_item
from api.sections.videos.options import PrivacyType
from api.wire.person import Video
from control_plane.base.ids import UserId
from control_plane.storage.files import Measured
from control_plane.videos.posting import Arrived, ContentRefused, DuetRefused, NewVideo, Said
from control_plane.videos.processing.model import NotAVideo
from control_plane.videos.processing.probe import ProbeUnavailable
from control_plane.videos.tags_store import GivenPlace
from control_plane.videos.uploads.limits import TooManyVideos
from control_plane.videos.uploads.model import UploadMissing, UploadUnfinished
from control_plane.videos.video import Privacy, VideoId, VideoNotFound

section = Section("upload")

LARGEST_VIDEO = 4 << 30
"""Bytes. LIVE_UPLOAD_LIMIT, which operators set, is lower."""
LONGEST_DESCRIPTION = 2200
Description = Annotated[
    str,
    msgspec.Meta(
        max_length=LONGEST_DESCRIPTION,
        description=f"a longer one is cut at {LONGEST_DESCRIPTION} characters; its #tags and @names count, too",
        extra={"cut": LONGEST_DESCRIPTION},
    ),
]
Entries = Annotated[
    str, msgspec.Meta(max_length=8000, description="a list as JSON, or as Swift prints it", extra={"cut": 8000})
]
Degrees = Annotated[str, msgspec.Meta(max_length=40, description="0.0 means unknown", extra={"cut": 40})]
PlaceText = Annotated[str, msgspec.Meta(max_length=200, description="cut at 200 characters", extra={"cut": 200})]


class VideoFields(Request, frozen=True, kw_only=True):
    """What the owner says about a video."""

    user_id: CallerId | None = None
    privacy_type: PrivacyType = ""
    allow_comments: YesNo | None = None
    allow_duet: YesNo | None = None
    description: Description | None = None
    users_json: Entries | None = None
    """The users whom the video mentions: `[{"user_id": "7"}]`."""
    hashtags_json: Entries | None = None
    """`[{"name": "dance"}]`"""
    lat: Degrees | None = None
    long: Degrees | None = None
    location_string: PlaceText | None = None
    """The address of the place."""
    location_name: PlaceText | None = None
    google_place_id: PlaceText | None = None


class PostVideo(VideoFields, frozen=True, kw_only=True):
    sound_id: Id | None = None
    """The sound of the video. One that is not there any more is left out."""
    story: YesNo | None = None
    """1: for 24 hours."""
    video_id: Id | None = None
    """The video that this duet answers."""
    upload_id: Text = ""
    """The id of a complete upload in parts, instead of the file: the last part of its address below `/uploads`."""
    duet: Annotated[str, msgspec.Meta(max_length=20, description="the layout of a duet", extra={"cut": 20})] = ""


class EditVideo(VideoFields, frozen=True, kw_only=True):
    video_id: Id


class PostedVideo(msgspec.Struct, frozen=True, kw_only=True):
    video: Video = field(name="Video")


async def _check_limits(platform: Platform, user_id: UserId, size: int) -> None:
    await platform.videos.posting.admit(user_id, size)


@section.endpoint(
    "postVideo",
    uploads={"video": LARGEST_VIDEO},
    before_upload=_check_limits,
    refusals=(
        NotAVideo,
        ProbeUnavailable,
        ContentRefused,
        DuetRefused,
        VideoNotFound,
        TooManyVideos,
        UploadMissing,
        UploadUnfinished,
    ),
)
async def post_video(call: Call, body: PostVideo) -> PostedVideo:
    """Post a video. The answer comes when the upload is stored. Only its owner sees the video until it is processed, which
    `upload_state` and the personal socket tell."""
    call.check_trusted()
    upload = call.uploads.get("video")
    if upload is None and not body.upload_id:
        raise MalformedRequest("video is missing.")
    video = NewVideo(
        said=_said(body),
        story=bool(body.story),
        sound_id=body.sound_id,
        duet_of=VideoId(body.video_id) if body.video_id is not None else None,
        duet_layout=body.duet,
    )
    if upload is None:
        video_id = await call.videos.posting.post_resumable(call.user_id, body.upload_id, video)
    else:
        arrived = Arrived(upload.path, Measured(upload.size, upload.sha256), began=call.arrived)
        video_id = await call.videos.posting.post(call.user_id, arrived, video)
    return await _own_video(call, video_id)


@section.endpoint("editVideo", takes_form=True, refusals=(VideoNotFound,))
async def edit_video(call: Call, body: EditVideo) -> PostedVideo:
    """Change what the caller says about an own video. What is absent stays as it is; an empty place is taken away."""
    call.check_trusted()
    await call.videos.posting.edit(call.user_id, VideoId(body.video_id), _said(body))
    return await _own_video(call, VideoId(body.video_id))


async def _own_video(call: Call, video_id: VideoId) -> PostedVideo:
    """Raises VideoNotFound: it was deleted meanwhile."""
    return PostedVideo(video=(await one_item(call, video_id)).video)


def _said(body: VideoFields) -> Said:
    return Said(
        description=body.description,
        privacy=Privacy(body.privacy_type) if body.privacy_type else None,
        allow_comments=None if body.allow_comments is None else bool(body.allow_comments),
        allow_duet=None if body.allow_duet is None else bool(body.allow_duet),
        users=body.users_json,
        hashtags=body.hashtags_json,
        place=_place(body),
    )


def _place(body: VideoFields) -> GivenPlace | None:
    """None: the app sends no place at all."""
    sent = (body.lat, body.long, body.location_string, body.location_name, body.google_place_id)
    if all(value is None for value in sent):
        return None
    latitude, longitude = _degrees(body.lat, 90), _degrees(body.long, 180)
    if latitude is None or longitude is None or latitude == longitude == 0:  # what the apps send for an unknown place
        latitude = longitude = None
    string, name = _word(body.location_string), _word(body.location_name)
    return GivenPlace(_word(body.google_place_id), name or string, string or name, latitude, longitude)


def _degrees(text: str | None, most: int) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= most else None


def _word(text: str | None) -> str:
    return "" if text is None or text in {"0", "null", "(null)", "nil"} else text
