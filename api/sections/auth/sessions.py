"""The caller's sessions: each device that is signed in."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import Access, Nothing, Section
from api.contract.request import CallerId, Request, Text
from api.wire.profile import Profile, caller_of, own_profile, public_profile, user_by_id
from api.wire.session import SessionItem, session_item
from control_plane.accounts.caller import SessionKey
from control_plane.accounts.user import UserNotFound

section = Section("auth")
ours = Section("sessions")
"""Not in the apps' contract."""


class Logout(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


@section.endpoint("logout", refusals=(UserNotFound,), ends_session=True)
async def logout(call: Call, body: Logout) -> Profile:
    """Sign out: the session of this call ends, and nothing is pushed to its phone any more. Other devices stay signed
    in. The answer is the account."""
    if call.session is not None:
        await call.accounts.sessions.end_one(call.session)
    if not call.trusted:
        return public_profile(call, await user_by_id(call, call.user_id))
    return own_profile(call, await caller_of(call))


@ours.endpoint("showSessions", access=Access.PROVEN)
async def show_sessions(call: Call, body: Nothing) -> list[SessionItem]:
    """The caller's sessions, the one that was used last first."""
    current = call.session.session_id if call.session is not None else ""
    return [session_item(stored, current) for stored in await call.accounts.sessions.open_ones(call.user_id)]


class EndSession(Request, frozen=True, kw_only=True):
    session_id: Text
    """The id of a session in the answer of showSessions."""


@ours.endpoint("endSession", access=Access.PROVEN)
async def end_session(call: Call, body: EndSession) -> list[SessionItem]:
    """Sign out one of the caller's devices, if it is still signed in. The answer is the list of the other sessions."""
    await call.accounts.sessions.end_one(SessionKey(call.user_id, body.session_id))
    return await show_sessions(call, Nothing())
