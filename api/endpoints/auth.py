"""Signing in and up."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import MalformedRequest, Request, Text
from api.endpoints.profile import Profile, own_profile
from control_plane.accounts.sign_in import Claims

section = Section("auth")

Short = Annotated[str, msgspec.Meta(max_length=320)]
"""As long as an email address can be."""


class RegisterUser(Request, frozen=True, kw_only=True):
    auth_token: Text = ""
    """The sign-in provider's token, or a session token of ours."""
    social_id: Short = ""
    social: Short = ""
    username: Short = ""
    dob: Short = ""
    first_name: Short = ""
    last_name: Short = ""
    email: Short = ""
    phone: Short = ""
    password: Short = ""
    device_token: Short = ""
    profile_pic: Text = ""
    referral_code: Short = ""
    gender: Short = ""


@section.endpoint("registerUser", access=Access.OPEN)
async def register_user(call: Call, body: RegisterUser) -> Profile:
    """Login and sign-up in one call; answers the account with a session token."""
    user = await call.platform.sign_in.sign_in(
        Claims(
            auth_token=body.auth_token,
            social=body.social,
            social_id=body.social_id,
            username=body.username,
            first_name=body.first_name,
            last_name=body.last_name,
            gender=body.gender,
            dob=_date(body.dob),
            email=body.email,
            phone=body.phone,
            password=body.password,
            profile_pic=body.profile_pic,
            referral_code=body.referral_code,
            device_token=body.device_token,
        )
    )
    return await own_profile(call, user, await call.platform.sessions.issue(user.id, body.auth_token))


def _date(text: str) -> dt.date | None:
    if not text or text.startswith("0000"):
        return None
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        raise MalformedRequest("dob: expected a date such as 1999-12-31.") from None
