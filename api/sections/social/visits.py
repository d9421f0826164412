"""Who has visited the caller's profile."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.paging import window
from api.contract.request import CallerId, Id, Page, Request
from api.wire.person import User, seen_view
from api.wire.profile import caller_of, own_user
from api.wire.values import Flag, WireTime, wire_time
from api.wire.values import Id as WireId
from control_plane.accounts.user import UserNotFound
from control_plane.social.people import people
from control_plane.social.visits import visits

section = Section("social")


class ProfileVisit(msgspec.Struct, frozen=True, kw_only=True):
    id: WireId
    user_id: WireId
    """The owner of the profile: the caller."""
    visitor_id: WireId
    read: Flag
    """0: new since the caller last opened the list."""
    created: WireTime
    """The time of the visitor's last visit."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    profile_visit: ProfileVisit = field(name="ProfileVisit")
    user: User = field(name="User")
    """The owner of the profile: the caller."""
    visitor: User = field(name="Visitor")


class ShowProfileVisitors(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    other_user_id: Id | None = None
    """Not used. A user sees only the visits of the own profile."""
    starting_point: Page = Page(0)


@section.endpoint("showProfileVisitors", refusals=(UserNotFound,))
async def show_profile_visitors(call: Call, body: ShowProfileVisitors) -> list[Visitor]:
    """A page of the users who have visited the caller's profile, the last visit first, each once. Visitors who have switched
    `profile_view` off are left out. The first page marks all visits as seen: `User.profile_visit_count` is 0 afterwards."""
    call.check_trusted()
    database = call.platform.database
    page = await visits(database, call.user_id, *window(body.starting_point))
    visitors = await people(database, call.user_id, [visit.visitor_id for visit in page])
    owner = own_user(call, await caller_of(call))
    return [
        Visitor(
            profile_visit=ProfileVisit(
                id=visit.id,
                user_id=call.user_id,
                visitor_id=visit.visitor_id,
                read=int(visit.seen),
                created=wire_time(visit.visited_at),
            ),
            user=owner,
            visitor=seen_view(visitors[visit.visitor_id], call.urls),
        )
        for visit in page
        if visit.visitor_id in visitors  # else one of the two has blocked the other after the page was read
    ]
