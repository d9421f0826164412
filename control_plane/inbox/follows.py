"""Tells users of followers, of requests to follow them, and of accepted requests: the notices that follows ask for."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell


class InboxOfFollows:
    """Implements `FollowNotices`."""

    async def followed(self, connection: Connection, follower_id: UserId, followed_id: UserId) -> None:
        await tell(connection, Told(Kind.FOLLOW, follower_id), [followed_id])

    async def requested(self, connection: Connection, requester_id: UserId, requested_id: UserId) -> None:
        await tell(connection, Told(Kind.FOLLOW_REQUEST, requester_id), [requested_id])

    async def accepted(self, connection: Connection, requested_id: UserId, requester_ids: Sequence[UserId]) -> None:
        await tell(connection, Told(Kind.FOLLOW_ACCEPTED, requested_id), requester_ids)
