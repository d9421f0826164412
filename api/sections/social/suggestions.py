"""Users whom the caller may want to follow."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import CallerId, Id, Page, Request
from api.wire.person import User, Video, seen_view, video_view
from control_plane.social.people import people
from control_plane.social.suggestions_store import suggested
from control_plane.videos.store import newest_of

section = Section("social")

VIDEOS = 3
"""Videos of each user, as many as the home screen of an app shows."""


class ShowSuggestedUsers(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    other_user_id: Id | None = None
    """Not used."""
    starting_point: Page = Page(0)


class SuggestedEntry(msgspec.Struct, frozen=True):
    user: User = field(name="User")
    video: list[Video] = field(name="Video")
    """The user's newest public videos."""


@section.endpoint("showSuggestedUsers", access=Access.GUEST)
async def show_suggested_users(call: Call, body: ShowSuggestedUsers) -> list[SuggestedEntry]:
    """A page of users whom the caller does not follow: first those whom the caller's followed users follow, then popular
    users with the caller's interests, then other popular users. Guests get popular users."""
    database = call.platform.database
    viewer_id = call.viewer_id
    ids = await suggested(database, viewer_id, *window(body.starting_point))
    shown = await people(database, viewer_id, ids)
    videos = await newest_of(database, call.viewer_id, list(shown), VIDEOS)
    entries = []
    for user_id, seen in shown.items():
        user = seen_view(seen, call.urls)
        entries.append(SuggestedEntry(user, [video_view(video, user, call.urls) for video in videos[user_id]]))
    return entries
