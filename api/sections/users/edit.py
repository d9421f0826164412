"""Editing the caller's profile."""

from __future__ import annotations

import asyncio

from api.contract.base64 import Base64, base64_in
from api.contract.call import Call
from api.contract.endpoint import LARGEST_BODY, Section
from api.contract.errors import SessionMissing
from api.contract.request import CallerId, Request, Switch, Text, date_in
from api.http.urls import is_absolute
from api.wire.profile import Profile, caller_of, own_profile, user_by_id
from control_plane.accounts import profile
from control_plane.accounts.age import InvalidDateOfBirth, TooYoung
from control_plane.accounts.profile import Changes, ContactNeedsProof, DateOfBirthSet
from control_plane.accounts.profile_text import InvalidProfile
from control_plane.accounts.user import AlreadyTaken, User, UserNotFound
from control_plane.accounts.usernames import InvalidUsername, UsernameChangedTooOften
from control_plane.base.clock import utc_now
from control_plane.pictures.model import PictureRefused, TooManyPictures
from control_plane.storage.files import TooManyUploads

section = Section("users")


class EditProfile(Request, frozen=True, kw_only=True):
    """Fields that are left out stay as they are."""

    user_id: CallerId | None = None
    username: Text = ""
    """The new username, with or without `@`. Empty: unchanged. At most 3 changes in 30 days; the former name is kept for
    its user for 30 days. A change takes the verified badge away."""
    first_name: Text | None = None
    """At most 50 characters."""
    last_name: Text | None = None
    """At most 50 characters."""
    gender: Text | None = None
    """Any text of at most 40 characters; the apps send `Male` or `Female`."""
    bio: Text | None = None
    """At most 300 characters, in several lines."""
    website: Text | None = None
    """An `http` or `https` address. Without a scheme, `https://` is added."""
    dob: Text = ""
    """Date of birth, YYYY-MM-DD. It can be set once. Empty or all zeros: unchanged."""
    email: Text = ""
    """The caller's own address, or empty. Another one is refused: changeEmailAddress sends a code to it."""
    phone: Text = ""
    """The caller's own number, or empty. Another one is refused: changePhoneNo sends a code to it."""
    profile_pic: Base64 = ""
    """A picture in base64. A URL has no effect: pictures of other servers would tell those servers who views the
    profile. Development mode stores URLs. Empty: unchanged."""
    profile_gif: Text | None = None
    """Empty: the animated picture is removed. Other values have no effect."""
    private: Switch | None = None
    """1: a private account."""
    profile_view: Switch | None = None
    """1: other users see the caller's profile visits."""
    auth_token: Text = ""
    """Not used. Send the session token in a header."""


@section.endpoint(
    "editProfile",
    body_limit=LARGEST_BODY,
    refusals=(
        *(AlreadyTaken, ContactNeedsProof, DateOfBirthSet, InvalidDateOfBirth, InvalidProfile, InvalidUsername),
        *(PictureRefused, TooManyPictures, TooManyUploads, TooYoung, UserNotFound, UsernameChangedTooOften),
    ),
)
async def edit_profile(call: Call, body: EditProfile) -> Profile:
    """Change the caller's profile. A refusal changes nothing; only a picture that is refused for its content leaves the
    other changes."""
    if not call.trusted:
        raise SessionMissing
    user = await user_by_id(call, call.user_id)
    profile.check_contacts(user, body.email, body.phone)
    changes = Changes(
        username=body.username.lstrip("@"),
        first_name=body.first_name,
        last_name=body.last_name,
        gender=body.gender,
        bio=body.bio,
        website=body.website,
        dob=date_in("dob", body.dob),
        picture_url=_picture_url(call, user, body.profile_pic),
        private=None if body.private is None else bool(body.private),
        profile_view=None if body.profile_view is None else bool(body.profile_view),
    )
    picture = b""
    if body.profile_pic and not is_absolute(body.profile_pic):
        picture = await asyncio.to_thread(base64_in, "profile_pic", body.profile_pic)
    await profile.edit(call.platform.database, call.accounts.ages, call.social.follows, user, changes, utc_now().date())
    if picture:
        await call.accounts.profile_media.set_picture(call.user_id, picture)
    elif body.profile_gif == "":
        await call.accounts.profile_media.remove_animation(call.user_id)
    return own_profile(call, await caller_of(call), call.token if call.proven else "")


def _picture_url(call: Call, user: User, picture: str) -> str | None:
    """The address to store. None: unchanged."""
    if not call.platform.settings.dev or not is_absolute(picture) or picture == call.urls.media(user.profile_pic):
        return None
    return picture
