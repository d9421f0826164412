"""The pictures and the video of the caller's profile."""

from __future__ import annotations

import asyncio

from api.contract.base64 import Base64, base64_in
from api.contract.call import Call
from api.contract.endpoint import LARGEST_BODY, Section
from api.contract.errors import SessionMissing
from api.contract.request import CallerId, MalformedRequest, Request, Text
from api.wire.profile import Profile, caller_of, own_profile
from control_plane.accounts.user import UserNotFound
from control_plane.pictures.clip_model import LARGEST_CLIP
from control_plane.pictures.model import LARGEST_BYTES, PictureRefused, TooManyPictures
from control_plane.storage.files import TooManyUploads

section = Section("users")

REFUSALS = (PictureRefused, TooManyPictures, TooManyUploads, UserNotFound)


class AddUserImageNew(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    profile_pic: Base64 = ""
    """The picture: JPEG, PNG, WebP, GIF or HEIC. As a file of a form it may be larger than in JSON."""
    profile_pic_small: Base64 = ""
    """Not used: the small picture is made from the large one."""
    extension: Text = ""
    """Not used: the content says what it is."""


class AddUserProfileVideo(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


@section.endpoint("addUserImageNew", uploads={"profile_pic": LARGEST_BYTES}, body_limit=LARGEST_BODY, refusals=REFUSALS)
async def add_user_image_new(call: Call, body: AddUserImageNew) -> Profile:
    """Replace the caller's profile picture. An animated one becomes `profile_gif` too."""
    _check_trusted(call)
    upload = call.uploads.get("profile_pic")
    if upload is None and not body.profile_pic:
        raise MalformedRequest("profile_pic is missing.")
    picture = upload.path if upload else await asyncio.to_thread(base64_in, "profile_pic", body.profile_pic)
    await call.accounts.profile_media.set_picture(call.user_id, picture)
    return await _own(call)


@section.endpoint("addUserProfileVideo", uploads={"video": LARGEST_CLIP}, refusals=REFUSALS)
async def add_user_profile_video(call: Call, body: AddUserProfileVideo) -> Profile:
    """Replace the video of the caller's profile: at most 20 seconds, converted before the answer."""
    _check_trusted(call)
    upload = call.uploads.get("video")
    if upload is None:
        raise MalformedRequest("video is missing.")
    await call.accounts.profile_media.set_video(call.user_id, upload.path)
    return await _own(call)


def _check_trusted(call: Call) -> None:
    """A user who is only named in the body changes nothing. Raises SessionMissing."""
    if not call.trusted:
        raise SessionMissing


async def _own(call: Call) -> Profile:
    return own_profile(call, await caller_of(call), call.token if call.proven else "")
