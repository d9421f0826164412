"""Follow and unfollow, and what a follower is told."""

from __future__ import annotations

from api.contract.call import Call
from api.contract.endpoint import IosRefusal, Section
from api.contract.errors import CallerDiffers
from api.contract.request import CallerId, Flag, Id, MalformedRequest, Request, Switch
from api.wire.profile import Profile, seen_profile
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.social.follows import FollowOfOneself, NotFollowing, TooManyFollowed, TooManyFollows

section = Section("social")


class FollowUser(Request, frozen=True, kw_only=True):
    sender_id: CallerId | None = None
    """The caller. One app swaps it with `receiver_id` in one place, so the caller may be in either field."""
    receiver_id: Id | None = None
    """The user to follow or unfollow."""
    follow: Switch | None = None
    """1: follow, 0: unfollow. Empty: toggle, as the apps do."""


@section.endpoint(
    "followUser",
    swapped_ids=True,
    ios_refusal=IosRefusal(),
    refusals=(CallerDiffers, FollowOfOneself, TooManyFollowed, TooManyFollows, UserNotFound),
)
async def follow_user(call: Call, body: FollowUser) -> Profile:
    """Follow a user, or unfollow if the caller follows already. A private account gets a request instead, and the button
    stays `Follow`; the same call again withdraws the request. Calls that overlap in time are one. The answer is the
    other user, with the new button."""
    call.check_trusted()
    target_id = _target(call.user_id, body)
    wanted = None if body.follow is None else bool(body.follow)
    return seen_profile(await call.social.follows.toggle(call.user_id, target_id, call.arrived, wanted), call.urls)


def _target(caller_id: UserId, body: FollowUser) -> UserId:
    """The one of the two ids that is not the caller's."""
    sent = [id_ for id_ in (body.sender_id, body.receiver_id) if id_ is not None]
    others = [id_ for id_ in sent if id_ != caller_id]
    if len(others) == 2:
        raise CallerDiffers("Neither sender_id nor receiver_id is the user who is signed in.")
    if not others and len(sent) < 2:
        raise MalformedRequest("receiver_id is missing.")
    return UserId(others[0]) if others else caller_id


class DeleteFollower(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    follower_id: Id
    """The user who is to follow the caller no longer."""


@section.endpoint("deleteFollower")
async def delete_follower(call: Call, body: DeleteFollower) -> str:
    """Remove one of the caller's followers, who is not told. No effect if the user does not follow the caller."""
    call.check_trusted()
    await call.social.follows.remove_follower(call.user_id, UserId(body.follower_id))
    return "The follower was removed."


class FollowerNotification(Request, frozen=True, kw_only=True):
    sender_id: CallerId | None = None
    receiver_id: Id
    """A user whom the caller follows."""
    notification: Flag
    """1: the caller is told when the user goes live or posts."""


@section.endpoint("followerNotification", refusals=(NotFollowing,))
async def follower_notification(call: Call, body: FollowerNotification) -> str:
    """Whether the caller is told when a followed user goes live or posts."""
    call.check_trusted()
    await call.social.follows.notify(call.user_id, UserId(body.receiver_id), bool(body.notification))
    return "Notifications are on." if body.notification else "Notifications are off."
