"""Sign-in and sign-up."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import MalformedRequest, Request, Text
from api.wire.profile import Profile, own_profile
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.sign_in import (
    Claims,
    ClaimTooLong,
    InvalidUsername,
    NotRegistered,
    SignInNotProven,
)
from control_plane.accounts.user import AlreadyTaken

section = Section("auth")

Short = Annotated[str, msgspec.Meta(max_length=320)]
"""The longest valid email address has 320 characters."""


class RegisterUser(Request, frozen=True, kw_only=True):
    auth_token: Text = ""
    """A token of the sign-in provider, or a session token of this server, which is renewed."""
    social_id: Short = ""
    """The user's id at the sign-in provider."""
    social: Short = ""
    """The sign-in provider: `google`, `facebook`, `apple` …"""
    username: Short = ""
    """For sign-up: 1 to 40 letters, digits, dots, dashes and underscores, not only digits. Empty: the server makes
    one."""
    dob: Short = ""
    """Date of birth, YYYY-MM-DD. Empty or all zeros: none."""
    first_name: Short = ""
    """First name, for sign-up."""
    last_name: Short = ""
    """Last name, for sign-up."""
    email: Short = ""
    """Email address, for sign-up. Each address can have one account."""
    phone: Short = ""
    """Phone number, for sign-up. Each number can have one account."""
    password: Short = ""
    """Password, for sign-up. It is stored as a hash; sign-in by password is not available yet."""
    device_token: Short = ""
    """The device token of the phone's push service."""
    profile_pic: Text = ""
    """URL of a profile picture, for sign-up."""
    referral_code: Short = ""
    """The referral code of the user who invited this user."""
    gender: Short = ""
    """Gender, for sign-up: any text."""


@section.endpoint(
    "registerUser",
    access=Access.OPEN,
    refusals=(AccountBlocked, AlreadyTaken, ClaimTooLong, InvalidUsername, NotRegistered, SignInNotProven),
)
async def register_user(call: Call, body: RegisterUser) -> Profile:
    """Sign in or sign up. The answer is the account with a session token."""
    own = await call.accounts.sign_in.sign_in(
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
    return own_profile(call, own, await call.accounts.sessions.issue(own.user.id, body.auth_token))


def _date(text: str) -> dt.date | None:
    if not text or text.startswith("0000"):
        return None
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        raise MalformedRequest("dob must be a date such as 1999-12-31, or empty.") from None
