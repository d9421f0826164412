"""Sign-in by password, a new password, and a forgotten one."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Request, Text
from api.wire.person import User, user_view
from api.wire.profile import Profile, caller_of, own_profile
from control_plane.accounts.codes.codes import ChannelMissing, TextMessagesUsedUp, TooManyCodes, WrongCode
from control_plane.accounts.password_hashing import PasswordsBusy
from control_plane.accounts.password_rules import WeakPassword
from control_plane.accounts.passwords import TooManyAttempts, WrongPassword
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.sign_in import NotRegistered
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.delivery.contacts import InvalidContact, any_contact

section = Section("auth")


class Login(Request, frozen=True, kw_only=True):
    email: Text
    """Email address, phone number with its country code, or username."""
    password: Text
    """Password."""


@section.endpoint(
    "login",
    access=Access.OPEN,
    refusals=(AccountBlocked, NotRegistered, PasswordsBusy, TooManyAttempts, UserNotFound, WrongPassword),
)
async def login(call: Call, body: Login) -> Profile:
    """Sign in with a password. The answer is the account with a session token."""
    user_id = await call.accounts.passwords.sign_in(body.email, body.password, call.requester)
    return await _entered(call, user_id)


class ChangePassword(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    old_password: Text
    """The present password."""
    new_password: Text
    """The new one: 8 to 256 characters, not one of the commonest, not the username or an address of the account."""


@section.endpoint(
    "changePassword",
    refusals=(PasswordsBusy, TooManyAttempts, UserNotFound, WeakPassword, WrongPassword),
)
async def change_password(call: Call, body: ChangePassword) -> Profile:
    """Change the caller's password. All sessions but this one end. The answer is the account."""
    user_id = call.own_id
    session_id = call.session.session_id if call.session is not None else ""
    await call.accounts.passwords.change(user_id, body.old_password, body.new_password, call.requester, session_id)
    return own_profile(call, await caller_of(call), call.token if call.proven else "")


class ForgotPassword(Request, frozen=True, kw_only=True):
    email: Text
    """Email address or phone number of the account."""


@section.endpoint(
    "forgotPassword", access=Access.OPEN, refusals=(ChannelMissing, InvalidContact, TextMessagesUsedUp, TooManyCodes)
)
async def forgot_password(call: Call, body: ForgotPassword) -> str:
    """Send a code with which a new password can be chosen. The answer is the same whether or not the address has an
    account."""
    await call.accounts.passwords.send_reset(any_contact(body.email), call.requester)
    return "If there is an account with this address, a code is on its way to it."


class VerifyForgotPasswordCode(Request, frozen=True, kw_only=True):
    email: Text
    """The address that forgotPassword was called with."""
    code: Text
    """The six digits that were sent."""


class AccountToReset(msgspec.Struct, frozen=True, kw_only=True):
    user: User = field(name="User")


@section.endpoint(
    "verifyforgotPasswordCode", access=Access.OPEN, refusals=(AccountBlocked, InvalidContact, NotRegistered, WrongCode)
)
async def verify_forgot_password_code(call: Call, body: VerifyForgotPasswordCode) -> AccountToReset:
    """Check the code. For the next five minutes, changePasswordForgot accepts a new password from the same client."""
    user_id = await call.accounts.passwords.check_reset(any_contact(body.email), body.code, call.requester)
    return AccountToReset(user=user_view(await call.accounts.sign_in.come_back(user_id), call.urls))


class ChangePasswordForgot(Request, frozen=True, kw_only=True):
    email: Text
    """The address whose code was entered."""
    password: Text
    """The new password: 8 to 256 characters, not one of the commonest, not the username or an address of the account."""
    code: Text = ""
    """The code. Empty: verifyforgotPasswordCode was called with it in the last five minutes."""


@section.endpoint(
    "changePasswordForgot",
    access=Access.OPEN,
    refusals=(AccountBlocked, InvalidContact, NotRegistered, PasswordsBusy, UserNotFound, WeakPassword, WrongCode),
)
async def change_password_forgot(call: Call, body: ChangePasswordForgot) -> Profile:
    """Set a new password with the code that was sent. All sessions end. The answer is the account with a new session
    token."""
    contact = any_contact(body.email)
    user_id = await call.accounts.passwords.reset(contact, body.code, body.password, call.requester)
    return await _entered(call, user_id)


async def _entered(call: Call, user_id: UserId) -> Profile:
    """Raises AccountBlocked, NotRegistered and UserNotFound."""
    own, token = await call.accounts.sign_in.enter_as(user_id, call.use)
    return own_profile(call, own, token)
