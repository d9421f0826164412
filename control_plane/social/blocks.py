"""Blocking: neither of two users sees or reaches the other until the block is undone."""

from __future__ import annotations

from functools import partial

import msgspec

from control_plane.accounts.user import UserNotFound
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_all_within
from control_plane.db.connections import Connection
from control_plane.social import blocks_store as store
from control_plane.social import people_store
from control_plane.social.follows_store import end_follows
from control_plane.social.model import Relation, Seen
from control_plane.social.sight import Sight, sight
from control_plane.social.toggles import Switch, Toggle, Toggles, lock_pair
from control_plane.social.visits_store import end_visits


class BlockOfOneself(ControlPlaneError):
    code = "block_of_oneself"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You cannot block yourself.")


class Blocks:
    def __init__(self, toggles: Toggles) -> None:
        self._toggles = toggles

    async def toggle(self, blocker_id: UserId, blocked_id: UserId, arrived: float, wanted: bool | None = None) -> Seen:
        """Block a user or undo it. `wanted`: the state to set. Returns the user as the blocker sees it afterwards.

        Undoing works for a user who is banned or blocks the blocker, too. Raises BlockOfOneself and UserNotFound.
        """
        if blocker_id == blocked_id:
            raise BlockOfOneself
        toggle = Toggle(what="block", user_id=blocker_id, target_id=blocked_id, wanted=wanted, arrived=arrived)
        return await self._toggles.run(toggle, partial(_change, blocker_id, blocked_id))


async def _change(blocker_id: UserId, blocked_id: UserId, connection: Connection, switch: Switch) -> Seen:
    await lock_pair(connection, blocker_id, blocked_id)
    seen = (await people_store.seen(connection, blocker_id, [blocked_id])).get(blocked_id)
    if seen is None:
        raise UserNotFound
    stands = seen.relation.block is not None
    if not stands and sight(seen) < Sight.PROFILE:
        raise UserNotFound
    if switch(stands) == stands:
        return seen
    if stands:
        await store.remove(connection, blocker_id, blocked_id)
        relation = msgspec.structs.replace(seen.relation, block=None)
    else:
        relation = Relation(block=await store.add(connection, blocker_id, blocked_id))
        await end_follows(connection, blocker_id, blocked_id)
        await end_visits(connection, blocker_id, blocked_id)
    await notify_all_within(connection, Topic.BLOCK, (blocker_id, blocked_id))
    return msgspec.structs.replace(seen, relation=relation)
