"""Requests to follow the caller, whose account is private."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import Flag, Id, Page, Request
from api.wire.person import User, seen_view
from api.wire.profile import Profile, seen_profile
from api.wire.values import WireTime, wire_time
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.social import follows_store
from control_plane.social.follows import NoFollowRequest
from control_plane.social.people import people

ours = Section("follow requests")
"""Not in the apps' contract."""


class FollowRequestEntry(msgspec.Struct, frozen=True):
    user: User = field(name="User")
    """The user who asks to follow the caller."""
    created: WireTime


class ShowFollowRequests(Request, frozen=True, kw_only=True):
    starting_point: Page = Page(0)


@ours.endpoint("showFollowRequests", access=Access.PROVEN)
async def show_follow_requests(call: Call, body: ShowFollowRequests) -> list[FollowRequestEntry]:
    """A page of the open requests to follow the caller, the newest first."""
    requests = await follows_store.requests(call.platform.database, call.user_id, *window(body.starting_point))
    shown = await people(call.platform.database, call.user_id, [request.requester_id for request in requests])
    return [
        FollowRequestEntry(seen_view(shown[request.requester_id], call.urls), wire_time(request.requested_at))
        for request in requests
        if request.requester_id in shown
    ]


class AnswerFollowRequest(Request, frozen=True, kw_only=True):
    requester_id: Id
    """The user who asked to follow the caller."""
    accept: Flag
    """1: the user follows the caller now. 0: the request is declined, and the user is not told."""


@ours.endpoint("answerFollowRequest", access=Access.PROVEN, refusals=(NoFollowRequest, UserNotFound))
async def answer_follow_request(call: Call, body: AnswerFollowRequest) -> Profile:
    """Accept or decline a request to follow the caller. The answer is the user who asked, with the caller's button."""
    requester_id = UserId(body.requester_id)
    seen = await call.social.follows.answer(call.user_id, requester_id, bool(body.accept))
    return seen_profile(seen, call.urls)
