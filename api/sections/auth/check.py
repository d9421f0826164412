"""Checks of the registration screens: whether an address or a username is free. Each answer tells whether an account
exists, so the calls are limited for each network address."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import Request, Text
from api.wire.profile import Profile, public_profile
from control_plane.accounts.claims import Claims
from control_plane.accounts.codes.codes import WrongCode
from control_plane.accounts.lookups import CONTACTS, USERNAMES, TooManyLookups
from control_plane.accounts.providers.id_tokens import InvalidIdToken
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.sign_in import NotRegistered, SignInNotProven
from control_plane.accounts.store import id_by_contact
from control_plane.accounts.user import AlreadyTaken
from control_plane.accounts.usernames import InvalidUsername, check_username, is_free
from control_plane.delivery.contacts import Channel, Contact, InvalidContact, email_contact, phone_contact

section = Section("auth")


class CheckEmail(Request, frozen=True, kw_only=True):
    email: Text
    """Email address."""


@section.endpoint("checkEmail", access=Access.OPEN, refusals=(AlreadyTaken, InvalidContact, TooManyLookups))
async def check_email(call: Call, body: CheckEmail) -> str:
    """Whether an email address is free. An address with an account is refused."""
    await _refuse_taken(call, email_contact(body.email), "This email address is already registered.")
    return "This email address is free."


class CheckPhoneNo(Request, frozen=True, kw_only=True):
    phone: Text
    """Phone number with its country code."""


@section.endpoint("checkPhoneNo", access=Access.OPEN, refusals=(AlreadyTaken, InvalidContact, TooManyLookups))
async def check_phone_no(call: Call, body: CheckPhoneNo) -> str:
    """Whether a phone number is free. A number with an account is refused."""
    await _refuse_taken(call, phone_contact(body.phone), "This phone number is already registered.")
    return "This phone number is free."


class CheckUsername(Request, frozen=True, kw_only=True):
    username: Text
    """The wanted username, with or without `@`."""


@section.endpoint("checkUsername", access=Access.OPEN, refusals=(AlreadyTaken, InvalidUsername, TooManyLookups))
async def check_username_endpoint(call: Call, body: CheckUsername) -> str:
    """Whether a username may be used and is free."""
    username = body.username.lstrip("@")
    check_username(username)
    await call.accounts.lookups.count(USERNAMES, call.requester.origin)
    if not await is_free(call.platform.database, username):
        raise AlreadyTaken("This username is already taken.")
    return "This username is free."


class VerifyAccountDetails(Request, frozen=True, kw_only=True):
    type: Text
    """`email`, `phone`, or a sign-in provider: `google`, `apple` …"""
    social_id: Text
    """The email address or the phone number whose code this client entered in the last minutes, else the provider's ID
    token."""


@section.endpoint(
    "verifyAccountDetails",
    access=Access.OPEN,
    refusals=(AccountBlocked, InvalidIdToken, NotRegistered, SignInNotProven, TooManyLookups, WrongCode),
)
async def verify_account_details(call: Call, body: VerifyAccountDetails) -> Profile:
    """The account of an address or a provider's user, for the client that has proven it. Others get the same refusal
    whether or not there is an account."""
    await call.accounts.lookups.count(CONTACTS, call.requester.origin)
    kind, value = body.type.lower(), body.social_id
    if kind == Channel.EMAIL:
        claims = Claims(email=value, requester=call.requester)
    elif kind == Channel.PHONE:
        claims = Claims(phone=value, requester=call.requester)
    else:
        claims = Claims(social=kind, social_id=value, auth_token=value)
    return public_profile(call, await call.accounts.sign_in.proven(claims))


async def _refuse_taken(call: Call, contact: Contact, text: str) -> None:
    await call.accounts.lookups.count(CONTACTS, call.requester.origin)
    if await id_by_contact(call.platform.database, contact.email, contact.phone) is not None:
        raise AlreadyTaken(text)
