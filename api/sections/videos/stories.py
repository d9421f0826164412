"""Stories: videos that are shown for a day."""

from __future__ import annotations

from itertools import groupby

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import CallerId, Page, Request
from api.sections.videos.asking import asked
from api.sections.videos.items import feed_items
from api.wire.person import Story, User

section = Section("stories")


class ShowFriendsStories(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


class StoryTeller(User, frozen=True, kw_only=True):
    video: list[Story] = field(default=[], name="Video")
    """The user's stories, the oldest first."""


class FriendsStories(msgspec.Struct, frozen=True):
    user: list[StoryTeller] = field(name="User")


@section.endpoint("showFriendsStories")
async def show_friends_stories(call: Call, body: ShowFriendsStories) -> FriendsStories:
    """A page of the caller's friends with stories of the last 24 hours."""
    call.check_trusted()
    videos = await call.videos.lists.friends_stories(asked(call, body.starting_point), call.user_id)
    by_user = groupby(await feed_items(call, videos), lambda item: item.user)
    return FriendsStories(
        [
            StoryTeller(**msgspec.structs.asdict(user), video=[Story(video=item.video) for item in items])
            for user, items in by_user
        ]
    )
