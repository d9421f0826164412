"""Lists of followers, followed users and friends."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import CallerId, Id, Page, Request, Text
from api.wire.person import User, seen_view
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.social import follows_store
from control_plane.social.follows import AccountPrivate, check_lists
from control_plane.social.model import Viewer
from control_plane.social.people import people

section = Section("social")


class ShowFollows(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    """The caller. Without a session: the user whose list is wanted, if `other_user_id` is empty."""
    other_user_id: Id | None = None
    """The user whose list is wanted. 0 or empty: the caller's."""
    starting_point: Page = Page(0)


class FollowerEntry(msgspec.Struct, frozen=True):
    """The same user under both keys: one app reads this, another one that."""

    user: User = field(name="User")
    follower_list: User = field(name="FollowerList")


class FollowingEntry(msgspec.Struct, frozen=True):
    """The same user under both keys: one app reads this, another one that."""

    user: User = field(name="User")
    following_list: User = field(name="FollowingList")


class FriendEntry(msgspec.Struct, frozen=True):
    friends: User = field(name="Friends")


class FoundEntry(msgspec.Struct, frozen=True):
    user: User = field(name="User")


@section.endpoint("showFollowers", access=Access.GUEST, refusals=(AccountPrivate, UserNotFound))
async def show_followers(call: Call, body: ShowFollows) -> list[FollowerEntry]:
    """A page of the users who follow a user, the newest first. A private account shows them to its followers only."""
    viewer_id, user_id = call.viewer_id, _owner(call, body)
    await check_lists(call.platform.database, viewer_id, user_id)
    ids = await follows_store.followers(call.platform.database, viewer_id, user_id, *window(body.starting_point))
    return [FollowerEntry(user, user) for user in await _views(call, viewer_id, ids)]


@section.endpoint("showFollowing", access=Access.GUEST, refusals=(AccountPrivate, UserNotFound))
async def show_following(call: Call, body: ShowFollows) -> list[FollowingEntry]:
    """A page of the users whom a user follows, the newest first. A private account shows them to its followers only."""
    viewer_id, user_id = call.viewer_id, _owner(call, body)
    await check_lists(call.platform.database, viewer_id, user_id)
    ids = await follows_store.followed(call.platform.database, viewer_id, user_id, *window(body.starting_point))
    return [FollowingEntry(user, user) for user in await _views(call, viewer_id, ids)]


class ShowFriends(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


@section.endpoint("showFriends")
async def show_friends(call: Call, body: ShowFriends) -> list[FriendEntry]:
    """A page of the users whom the caller follows and who follow the caller."""
    call.check_trusted()
    ids = await follows_store.friends(call.platform.database, call.user_id, *window(body.starting_point))
    return [FriendEntry(user) for user in await _views(call, call.user_id, ids)]


class SearchFollowingOrFollowUsers(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    keyword: Text
    """A part of the username or of the name. Empty: no user is found."""
    starting_point: Page = Page(0)


@section.endpoint("searchFollowingOrFollowUsers")
async def search_following_or_follow_users(call: Call, body: SearchFollowingOrFollowUsers) -> list[FoundEntry]:
    """A page of the caller's followers and followed users with this text in the name. Those who have been in a long list
    for long are found by the beginning of the username."""
    call.check_trusted()
    keyword = body.keyword.lstrip("@").strip()
    if not keyword:
        return []
    ids = await follows_store.search(call.platform.database, call.user_id, keyword, *window(body.starting_point))
    return [FoundEntry(user) for user in await _views(call, call.user_id, ids)]


def _owner(call: Call, body: ShowFollows) -> UserId:
    """The user whose list is wanted. Raises UserNotFound."""
    if body.other_user_id is not None:
        return UserId(body.other_user_id)
    if call.caller is not None:
        return call.user_id
    if body.user_id is not None:
        return UserId(body.user_id)
    raise UserNotFound


async def _views(call: Call, viewer_id: Viewer, user_ids: Sequence[UserId]) -> Sequence[User]:
    shown = await people(call.platform.database, viewer_id, user_ids)
    return [seen_view(seen, call.urls) for seen in shown.values()]
