"""Sign-in and sign-up."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import Request, Text, date_in
from api.http.urls import is_absolute
from api.wire.profile import Profile, own_profile
from control_plane.accounts import devices
from control_plane.accounts.age import InvalidDateOfBirth, TooYoung
from control_plane.accounts.claims import Claims
from control_plane.accounts.codes.codes import WrongCode
from control_plane.accounts.password_hashing import PasswordsBusy
from control_plane.accounts.password_rules import WeakPassword
from control_plane.accounts.providers.id_tokens import LONGEST_TOKEN, InvalidIdToken
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.sign_in import ClaimTooLong, NotRegistered, SignInNotProven
from control_plane.accounts.user import AlreadyTaken, UserNotFound
from control_plane.accounts.usernames import InvalidUsername

section = Section("auth")

Short = Annotated[str, msgspec.Meta(max_length=320)]
"""The longest valid email address has 320 characters."""


class RegisterUser(Request, frozen=True, kw_only=True):
    auth_token: Annotated[str, msgspec.Meta(max_length=LONGEST_TOKEN)] = ""
    """The ID token of the sign-in provider, or a session token of this server, which is renewed."""
    nonce: Short = ""
    """The nonce that the app gave the provider's library, if it did. The ID token must hold it or its SHA-256."""
    social_id: Short = ""
    """The user's id at the sign-in provider."""
    social: Short = ""
    """The sign-in provider: `google`, `facebook`, `apple` …"""
    username: Short = ""
    """For sign-up: 1 to 40 letters, digits, dots, dashes and underscores of one script, not only digits, and no
    reserved word. Empty: the server makes one."""
    dob: Short = ""
    """Date of birth, YYYY-MM-DD, which cannot be changed later. Empty or all zeros: none."""
    first_name: Short = ""
    """First name, for sign-up."""
    last_name: Short = ""
    """Last name, for sign-up."""
    email: Short = ""
    """Email address, for sign-up. Each address can have one account."""
    phone: Short = ""
    """Phone number, for sign-up. Each number can have one account."""
    password: Short = ""
    """Password, for sign-up. 8 to 256 characters, and not one of the commonest. It is stored as a hash."""
    device_token: Short = ""
    """The device token of the phone's push service."""
    profile_pic: Text = ""
    """URL of a profile picture, for sign-up in development mode. Otherwise it has no effect: addUserImageNew takes a picture."""
    referral_code: Short = ""
    """The referral code of the user who invited this user."""
    authorization_code: Text = ""
    """Apple's authorization code beside the ID token, so that this server can revoke Apple's token when the account is
    deleted."""
    code: Short = ""
    """The code that verifyPhoneNo sent to `phone`, or verifyRegisterEmailCode to `email`. Empty: it was entered there in
    the last five minutes."""
    gender: Short = ""
    """Gender, for sign-up: any text."""


@section.endpoint(
    "registerUser",
    access=Access.OPEN,
    refusals=(
        AccountBlocked,
        AlreadyTaken,
        ClaimTooLong,
        InvalidDateOfBirth,
        InvalidIdToken,
        InvalidUsername,
        NotRegistered,
        PasswordsBusy,
        SignInNotProven,
        TooYoung,
        UserNotFound,
        WeakPassword,
        WrongCode,
    ),
)
async def register_user(call: Call, body: RegisterUser) -> Profile:
    """Sign in or sign up. The answer is the account with a session token."""
    own, token = await call.accounts.sign_in.enter(
        Claims(
            auth_token=body.auth_token,
            nonce=body.nonce,
            social=body.social,
            social_id=body.social_id,
            username=body.username,
            first_name=body.first_name,
            last_name=body.last_name,
            gender=body.gender,
            dob=date_in("dob", body.dob),
            email=body.email,
            phone=body.phone,
            password=body.password,
            profile_pic=body.profile_pic if is_absolute(body.profile_pic) else "",
            referral_code=body.referral_code,
            device_token=body.device_token,
            code=body.code,
            requester=call.requester,
        ),
        call.use,
    )
    if body.authorization_code:
        await call.accounts.apple_tokens.exchange(own.user.id, body.authorization_code, body.auth_token)
    if device_token := devices.push_token(body.device_token):
        database, app = call.platform.database, call.client.value
        await devices.claim(database, own.user.id, device_token, app, version="", language=call.language)
        own = msgspec.structs.replace(own, user=msgspec.structs.replace(own.user, device_token=device_token))
    return own_profile(call, own, token)
