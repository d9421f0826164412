"""Deletion of the own account."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.errors import SessionMissing
from api.contract.request import CallerId, Request, Text
from control_plane.accounts.user import UserNotFound
from control_plane.personal_data.deletion import CoinsWouldBeLost

section = Section("users")


class DeleteUserAccount(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    auth_token: Text = ""
    """Not used. Send the session token in a header."""


@section.endpoint("deleteUserAccount", refusals=(CoinsWouldBeLost, UserNotFound), ends_session=True)
async def delete_user_account(call: Call, body: DeleteUserAccount) -> str:
    """Delete the caller's account: it is invisible and signed out at once, its stream ends. Signing in brings it back,
    until it is removed for good some days later. An account with coins is deleted by the second call within ten
    minutes; the first one is refused with what would be lost."""
    if not call.trusted:  # a caller who is only named in the body
        raise SessionMissing
    await call.personal_data.deletion.delete(call.user_id)
    return (
        f"Your account is deleted. If you sign in within {call.personal_data.deletion.days} days, it comes back. After "
        "that it is removed for good."
    )
