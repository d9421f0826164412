"""User profiles."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Id, Request, Text
from api.wire.profile import Profile, caller_of, own_profile, public_profile, user_by_id
from control_plane.accounts.store import by_username, record_visit
from control_plane.accounts.user import User, UserNotFound
from control_plane.base.ids import UserId

section = Section("users")


class ShowUserDetail(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    other_user_id: Id | None = None
    """The user to show. 0 or empty: `username` chooses the user."""
    username: Text = ""
    """The name of the user to show, with or without `@`. Empty: the caller."""
    auth_token: Text = ""
    """Not used. Send the session token in a header."""


@section.endpoint("showUserDetail", access=Access.GUEST, refusals=(UserNotFound,))
async def show_user_detail(call: Call, body: ShowUserDetail) -> Profile:
    """The profile of `other_user_id`, else of `username`, else of the caller."""
    if _asks_for_own(call, body):
        return await _own(call)
    user = await _wanted(call, body)
    if call.caller is None:
        return public_profile(call, user)
    if user.id != call.user_id:
        await record_visit(call.platform.database, user.id, call.user_id)
        return public_profile(call, user)
    return await _own(call) if call.trusted else public_profile(call, user)


def _asks_for_own(call: Call, body: ShowUserDetail) -> bool:
    """Whether the body, without a look at the database, asks for a caller who may see the private fields."""
    if not call.trusted:
        return False
    return not body.username if body.other_user_id is None else body.other_user_id == call.user_id


async def _own(call: Call) -> Profile:
    return own_profile(call, await caller_of(call), call.token if call.proven else "")


async def _wanted(call: Call, body: ShowUserDetail) -> User:
    if body.other_user_id is not None:
        return await user_by_id(call, UserId(body.other_user_id))
    if body.username:
        user = await by_username(call.platform.database, body.username.lstrip("@"))
        if user is None:
            raise UserNotFound
        return user
    if call.caller is not None:
        return await user_by_id(call, call.caller.user_id)
    if body.user_id is not None and not call.token:  # one app sends the wanted user here while its user is a guest
        return await user_by_id(call, UserId(body.user_id))
    raise UserNotFound
