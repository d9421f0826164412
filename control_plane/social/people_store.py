"""SQL of users with their relation to a viewer."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.accounts.store import COLUMNS, FROM, user_of
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.social.model import Block, Relation, Seen, Viewer

# The casts tell PostgreSQL the type of a viewer who is null.
_SEEN = f"""
    select {COLUMNS},
        following.followed_id is not null as follows, coalesce(following.notified, false) as notified,
        exists (select from follow where follower_id = u.id and followed_id = $2::integer) as followed,
        exists (select from follow_request where requester_id = $2::integer and requested_id = u.id) as requested,
        blocking.id as block_id, blocking.blocked_at,
        exists (select from block where blocker_id = u.id and blocked_id = $2::integer) as blocked
    {FROM}
    left join follow following on following.follower_id = $2::integer and following.followed_id = u.id
    left join block blocking on blocking.blocker_id = $2::integer and blocking.blocked_id = u.id
    where u.id = any($1::integer[]) and u.deleted_at is null
"""


async def seen(source: Connection | Database, viewer_id: Viewer, user_ids: Sequence[UserId]) -> dict[UserId, Seen]:
    """Banned and blocked users too: callers decide by `sight`. Deleted users are missing."""
    rows = await source.fetch(_SEEN, user_ids, viewer_id)
    return {row["id"]: Seen(user_of(row), _relation(row, viewer_id), viewer_id) for row in rows}


def _relation(row: Row, viewer_id: Viewer) -> Relation:
    block = None
    if viewer_id is not None and row["block_id"] is not None:
        block = Block(row["block_id"], viewer_id, row["id"], row["blocked_at"])
    return Relation(
        follows=row["follows"],
        followed=row["followed"],
        requested=row["requested"],
        notified=row["notified"],
        block=block,
        blocked=row["blocked"],
    )
