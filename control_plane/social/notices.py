"""What users are told about follows. The package that tells them is above this one, so it is a Protocol here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection


class FollowNotices(Protocol):
    """Each is called in the transaction of its cause."""

    async def followed(self, connection: Connection, follower_id: UserId, followed_id: UserId) -> None: ...

    async def requested(self, connection: Connection, requester_id: UserId, requested_id: UserId) -> None: ...

    async def accepted(self, connection: Connection, requested_id: UserId, requester_ids: Sequence[UserId]) -> None: ...
