"""The proof of an email address by a code, and a new address of an account."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Flag, Request, Text
from api.wire.profile import Profile, caller_of, own_profile
from control_plane.accounts.codes.codes import ChannelMissing, Purpose, TooManyCodes, WrongCode
from control_plane.accounts.user import AlreadyTaken, UserNotFound
from control_plane.delivery.contacts import InvalidContact, email_contact

section = Section("auth")

SENT = "A code is on its way to this address."


class VerifyRegisterEmailCode(Request, frozen=True, kw_only=True):
    email: Text
    """Email address."""
    code: Text = ""
    """The six digits that were sent. Empty: send them."""


@section.endpoint(
    "verifyRegisterEmailCode", access=Access.OPEN, refusals=(ChannelMissing, InvalidContact, TooManyCodes, WrongCode)
)
async def verify_register_email_code(call: Call, body: VerifyRegisterEmailCode) -> str:
    """Send a code to an email address, or check it. For the next five minutes, registerUser accepts the confirmed address
    from the same client."""
    address = email_contact(body.email)
    if not body.code:
        await call.accounts.codes.send(address, Purpose.SIGN_IN, call.requester)
        return SENT
    await call.accounts.codes.confirm(address, Purpose.SIGN_IN, body.code, call.requester)
    return "Your email address is confirmed."


class ChangeEmailAddress(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    email: Text
    """The new address."""
    verify: Flag = 0
    """Not used: verifyChangeEmailCode checks the code."""


@section.endpoint("changeEmailAddress", refusals=(ChannelMissing, InvalidContact, TooManyCodes))
async def change_email_address(call: Call, body: ChangeEmailAddress) -> str:
    """Send a code to the caller's new email address, which counts when verifyChangeEmailCode has checked it."""
    await call.accounts.contact_changes.begin(call.own_id, email_contact(body.email), call.requester)
    return SENT


class VerifyChangeEmailCode(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    new_email: Text
    """The address that changeEmailAddress sent the code to."""
    code: Text
    """The six digits that were sent."""


@section.endpoint("verifyChangeEmailCode", refusals=(AlreadyTaken, InvalidContact, UserNotFound, WrongCode))
async def verify_change_email_code(call: Call, body: VerifyChangeEmailCode) -> Profile:
    """Check the code and change the caller's email address. The old address gets a message. The answer is the account."""
    address = email_contact(body.new_email)
    await call.accounts.contact_changes.confirm(call.own_id, address, body.code, call.requester)
    return own_profile(call, await caller_of(call), call.token if call.proven else "")
