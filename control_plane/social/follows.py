"""Follow and unfollow, and requests to follow a private account."""

from __future__ import annotations

from functools import partial

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.social import follows_store as store
from control_plane.social import suggestions_store
from control_plane.social.model import Seen, Viewer
from control_plane.social.notices import FollowNotices
from control_plane.social.people import person
from control_plane.social.sight import Sight, sight
from control_plane.social.toggles import Switch, Toggle, Toggles, lock_pair

MOST_FOLLOWED = 10_000
"""Users whom one user follows. More: the own feed and a search among them cost more, and robots collect more."""
MOST_PER_HOUR = 200
"""Follows and requests of one user, also those that are undone. More: robots tell more users of a follow. Fewer: a new
user who goes through the suggestions is refused."""
AT_ONCE = 200
"""Requests that are accepted in one transaction. More: a call that makes an account public takes longer. Fewer: the job
that accepts the rest takes longer."""


class FollowOfOneself(ControlPlaneError):
    code = "follow_of_oneself"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You cannot follow yourself.")


class TooManyFollowed(ControlPlaneError):
    code = "too_many_followed"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__(f"You follow {MOST_FOLLOWED:,} people, and cannot follow more. Unfollow someone first.")


class TooManyFollows(ControlPlaneError):
    code = "too_many_follows"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have followed many people in a short time. Please try again in an hour.")


class NotFollowing(ControlPlaneError):
    code = "not_following"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You do not follow this person. Follow first, then choose the notifications.")


class NoFollowRequest(ControlPlaneError):
    code = "no_follow_request"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such request. It may have been withdrawn.")


class AccountPrivate(ControlPlaneError):
    code = "account_private"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("This account is private. Follow it to see this list.")


class Follows:
    def __init__(self, database: Database, toggles: Toggles, notices: FollowNotices) -> None:
        self._database = database
        self._toggles = toggles
        self._notices = notices

    async def toggle(
        self, follower_id: UserId, followed_id: UserId, arrived: float, wanted: bool | None = None
    ) -> Seen:
        """Follow or unfollow; of a private account, request to follow it or withdraw the request. `wanted`: the state to
        set. Returns the user as the follower sees it afterwards.

        Raises FollowOfOneself, UserNotFound, TooManyFollowed and TooManyFollows.
        """
        if follower_id == followed_id:
            raise FollowOfOneself
        toggle = Toggle(what="follow", user_id=follower_id, target_id=followed_id, wanted=wanted, arrived=arrived)
        return await self._toggles.run(toggle, partial(self._change, follower_id, followed_id))

    async def _change(self, follower_id: UserId, followed_id: UserId, connection: Connection, switch: Switch) -> Seen:
        await lock_pair(connection, follower_id, followed_id)
        seen = await person(connection, follower_id, followed_id, Sight.PROFILE)
        stands = seen.relation.follows or seen.relation.requested
        if switch(stands) == stands:
            return seen
        if stands:
            await store.unfollow(connection, follower_id, followed_id)
            await store.end_request(connection, follower_id, followed_id)
        else:
            await self._begin(connection, follower_id, seen)
        return await person(connection, follower_id, followed_id, Sight.PROFILE)

    async def _begin(self, connection: Connection, follower_id: UserId, seen: Seen) -> None:
        if not await store.count(connection, follower_id, MOST_PER_HOUR):
            raise TooManyFollows
        if await store.following(connection, follower_id) >= MOST_FOLLOWED:
            raise TooManyFollowed
        user = seen.user
        if user.private and await store.lock_private(connection, user.id):
            await store.request(connection, follower_id, user.id)
            await self._notices.requested(connection, follower_id, user.id)
        else:
            await store.follow(connection, follower_id, user.id)
            await suggestions_store.add_popular(connection, user.id)
            await self._notices.followed(connection, follower_id, user.id)

    async def remove_follower(self, user_id: UserId, follower_id: UserId) -> None:
        """No effect if the other user does not follow."""
        await store.unfollow(self._database, follower_id, user_id)

    async def notify(self, follower_id: UserId, followed_id: UserId, notified: bool) -> None:
        """Whether the follower is told when the followed user goes live or posts. Raises NotFollowing."""
        if not await store.set_notified(self._database, follower_id, followed_id, notified):
            raise NotFollowing

    async def answer(self, user_id: UserId, requester_id: UserId, accept: bool) -> Seen:
        """Accept or decline a request to follow this user. Returns the requester. Raises NoFollowRequest and
        UserNotFound."""
        async with self._database.transaction() as connection:
            await lock_pair(connection, user_id, requester_id)
            seen = await person(connection, user_id, requester_id, Sight.PROFILE)
            if not await store.end_request(connection, requester_id, user_id):
                raise NoFollowRequest
            if not accept:
                return seen
            await store.follow(connection, requester_id, user_id)
            await suggestions_store.add_popular(connection, user_id)
            await self._notices.accepted(connection, user_id, [requester_id])
            return await person(connection, user_id, requester_id, Sight.PROFILE)

    async def account_opened(self, connection: Connection, user_id: UserId) -> None:
        """In the transaction that makes an account public: accept the open requests, most of many in a job."""
        if await self._accept_some(connection, user_id) == AT_ONCE:
            await accept_requests.enqueue(connection, user_id=user_id)

    async def accept_all(self, user_id: UserId) -> None:
        """Accept the open requests of a public account."""
        accepted = AT_ONCE
        while accepted == AT_ONCE:
            async with self._database.transaction() as connection:
                if await store.lock_private(connection, user_id):
                    return
                accepted = await self._accept_some(connection, user_id)

    async def _accept_some(self, connection: Connection, user_id: UserId) -> int:
        requester_ids = await store.accept_oldest(connection, user_id, AT_ONCE)
        if requester_ids:
            await self._notices.accepted(connection, user_id, requester_ids)
        return len(requester_ids)


@job()
async def accept_requests(follows: Follows, user_id: int) -> None:
    await follows.accept_all(UserId(user_id))


async def check_lists(database: Database, viewer_id: Viewer, user_id: UserId) -> None:
    """Whether the viewer may see whom the user follows and who follows the user. Raises UserNotFound and AccountPrivate."""
    if sight(await person(database, viewer_id, user_id, Sight.PROFILE)) < Sight.CONTENT:
        raise AccountPrivate
