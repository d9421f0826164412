"""Reads users as a viewer sees them: all of a list in one statement, however long it is."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.social import blocks_store, people_store
from control_plane.social.model import Block, Seen, Viewer
from control_plane.social.sight import Sight, sight


async def people(database: Database, viewer_id: Viewer, user_ids: Sequence[UserId]) -> dict[UserId, Seen]:
    """The users of a list, in the order of `user_ids`, without those whom the viewer must not see there."""
    found = await people_store.seen(database, viewer_id, user_ids)
    return {id_: found[id_] for id_ in user_ids if id_ in found and sight(found[id_]) >= Sight.PROFILE}


async def person(
    source: Connection | Database, viewer_id: Viewer, user_id: UserId, at_least: Sight = Sight.BLOCKED
) -> Seen:
    """One user. Raises UserNotFound if the viewer sees less of the user than `at_least`."""
    found = (await people_store.seen(source, viewer_id, [user_id])).get(user_id)
    if found is None or sight(found) < at_least:
        raise UserNotFound
    return found


async def blocked_people(
    database: Database, viewer_id: UserId, limit: int, offset: int
) -> Sequence[tuple[Seen, Block]]:
    """A page of the users whom the viewer blocks, the newest block first; also those who block the viewer in turn: a
    missing one would tell the viewer so, and could not be unblocked."""
    user_ids = await blocks_store.blocked_by(database, viewer_id, limit, offset)
    found = await people_store.seen(database, viewer_id, user_ids)
    listed = [found[user_id] for user_id in user_ids if user_id in found]
    return [(seen, seen.relation.block) for seen in listed if seen.relation.block is not None]
