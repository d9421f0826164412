"""Visits of a profile, as its owner sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.social import visits_store
from control_plane.social.visits_store import Visit

DEEPEST = 5_000
"""Visits that can be reached by paging; the list is empty past them. More: the last page passes over more rows."""
MARKED_AT_ONCE = 500
"""Visits that one statement marks as seen, about 10 ms. More: the owner of a popular profile waits longer for the list.
Fewer: more users' visits are marked by the job, a moment later."""


async def visits(database: Database, user_id: UserId, limit: int, offset: int) -> Sequence[Visit]:
    """A page of the visits of this user's profile, the newest first, without visitors who are banned, deleted or do not
    want their visits to be seen. The first page marks all visits as seen; those that were not seen before still say so."""
    if offset >= DEEPEST:
        return []
    fresh = await _mark_newest(database, user_id) if offset == 0 else frozenset()
    page = await visits_store.page(database, user_id, limit, offset)
    return [msgspec.structs.replace(visit, seen=visit.seen and visit.visitor_id not in fresh) for visit in page]


async def _mark_newest(database: Database, user_id: UserId) -> frozenset[UserId]:
    async with database.transaction() as connection:
        marked = await visits_store.mark_seen(connection, user_id, MARKED_AT_ONCE)
        if len(marked) == MARKED_AT_ONCE:
            until = min(visited_at for _, visited_at in marked)
            await mark_visits_seen.enqueue(connection, user_id=user_id, until=until.isoformat())
    return frozenset(visitor_id for visitor_id, _ in marked)


@job()
async def mark_visits_seen(database: Database, user_id: int, until: str) -> None:
    """Mark the visits of a popular profile up to a time as seen, in small transactions."""
    before = dt.datetime.fromisoformat(until)
    while True:
        async with database.transaction() as connection:
            marked = await visits_store.mark_seen(connection, UserId(user_id), MARKED_AT_ONCE, before)
        if len(marked) < MARKED_AT_ONCE:
            return
        before = min(visited_at for _, visited_at in marked)
