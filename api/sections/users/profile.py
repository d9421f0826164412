"""User profiles."""

from __future__ import annotations

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Id, Request, Text
from api.sections.videos.items import feed_items
from api.wire.person import Story
from api.wire.profile import Profile, caller_of, own_profile, seen_profile
from control_plane.accounts.store import holder_of_name
from control_plane.accounts.user import User, UserNotFound
from control_plane.base.ids import UserId
from control_plane.social.people import person
from control_plane.social.sight import Sight, sight
from control_plane.social.visits_store import record_visit

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
    """The profile of `other_user_id`, else of `username`, else of the caller. A user who is banned or blocks the caller
    does not exist; of a user whom the caller blocks, only the name is shown. `story` has the stories of the last 24 hours
    that the caller sees."""
    if _asks_for_own(call, body):
        return await _own(call)
    viewer_id = call.viewer_id
    seen = await person(call.platform.database, viewer_id, await _wanted(call, body))
    if seen.own:
        return await _own(call)
    if viewer_id is not None and sight(seen) >= Sight.PROFILE:
        await record_visit(call.platform.database, seen.user.id, viewer_id)
    return await _with_stories(call, seen.user, seen_profile(seen, call.urls))


def _asks_for_own(call: Call, body: ShowUserDetail) -> bool:
    """Whether the body, without a look at the database, asks for a caller who may see the private fields."""
    if not call.trusted:
        return False
    return not body.username if body.other_user_id is None else body.other_user_id == call.user_id


async def _own(call: Call) -> Profile:
    own = await caller_of(call)
    return await _with_stories(call, own.user, own_profile(call, own, call.token if call.proven else ""))


async def _with_stories(call: Call, user: User, profile: Profile) -> Profile:
    if not user.has_stories:
        return profile
    videos = await call.videos.lists.stories_of(call.viewer_id, user.id)
    stories = [Story(video=item.video) for item in await feed_items(call, videos)]
    if not stories:
        return profile
    return msgspec.structs.replace(profile, user=msgspec.structs.replace(profile.user, story=stories))


async def _wanted(call: Call, body: ShowUserDetail) -> UserId:
    if body.other_user_id is not None:
        return UserId(body.other_user_id)
    if body.username:
        user_id = await holder_of_name(call.platform.database, body.username.lstrip("@"))
        if user_id is None:
            raise UserNotFound
        return user_id
    if call.caller is not None:
        return call.caller.user_id
    if body.user_id is not None and not call.token:  # one app sends the wanted user here while its user is a guest
        return UserId(body.user_id)
    raise UserNotFound
