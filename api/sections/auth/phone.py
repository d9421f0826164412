"""The proof of a phone number by a code, and a new number of an account."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Flag, Request, Text
from control_plane.accounts.codes.codes import ChannelMissing, Purpose, TextMessagesUsedUp, TooManyCodes, WrongCode
from control_plane.accounts.user import AlreadyTaken
from control_plane.delivery.contacts import InvalidContact, phone_contact

section = Section("auth")

SENT = "A code is on its way to this number."
CONFIRMED = "Your phone number is confirmed."
CHANGED = "Your phone number was changed."


class VerifyPhoneNo(Request, frozen=True, kw_only=True):
    phone: Text
    """Phone number with its country code, such as +4915123456789."""
    verify: Flag = 0
    """0: send a code. 1: check `code`."""
    code: Text = ""
    """The six digits that were sent."""
    user_id: CallerId | None = None
    """The signed-in user whose new number this will be. 0 or empty: sign-in or sign-up."""


@section.endpoint(
    "verifyPhoneNo",
    access=Access.GUEST,
    refusals=(AlreadyTaken, ChannelMissing, InvalidContact, TextMessagesUsedUp, TooManyCodes, WrongCode),
)
async def verify_phone_no(call: Call, body: VerifyPhoneNo) -> str:
    """Send a code to a phone number, or check it. For the next five minutes, registerUser accepts the confirmed number from
    the same client. With `user_id`, the number becomes that of the signed-in account."""
    phone = phone_contact(body.phone)
    if body.user_id is not None:
        if not body.verify:
            await call.accounts.contact_changes.begin(call.own_id, phone, call.requester)
            return SENT
        await call.accounts.contact_changes.confirm(call.own_id, phone, body.code, call.requester)
        return CHANGED
    if not body.verify:
        await call.accounts.codes.send(phone, Purpose.SIGN_IN, call.requester)
        return SENT
    await call.accounts.codes.confirm(phone, Purpose.SIGN_IN, body.code, call.requester)
    return CONFIRMED


class ChangePhoneNo(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    phone: Text
    """The new number, with its country code."""
    verify: Flag = 0
    """0: send a code to the new number. 1: check `code`, as verifyPhoneNo with `user_id` does."""
    code: Text = ""
    """The six digits that were sent."""


@section.endpoint(
    "changePhoneNo",
    refusals=(AlreadyTaken, ChannelMissing, InvalidContact, TextMessagesUsedUp, TooManyCodes, WrongCode),
)
async def change_phone_no(call: Call, body: ChangePhoneNo) -> str:
    """Change the caller's phone number. The new one counts when its code has been entered; the old one gets a message."""
    phone = phone_contact(body.phone)
    if body.verify:
        await call.accounts.contact_changes.confirm(call.own_id, phone, body.code, call.requester)
        return CHANGED
    await call.accounts.contact_changes.begin(call.own_id, phone, call.requester)
    return SENT
