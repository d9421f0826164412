"""SQL of visits to profiles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database

_VISIT = """
    insert into profile_visit (user_id, visitor_id)
    select $1, id from app_user where id = $2 and profile_view and exists (select from app_user where id = $1)
    on conflict (user_id, visitor_id) do update set visited_at = now(), seen = false
"""
_PAGE = """
    select visit.id, visitor_id, visited_at, seen
    from profile_visit visit
    join visible_user on visible_user.id = visitor_id
    join app_user visitor on visitor.id = visitor_id and visitor.profile_view
    where visit.user_id = $1
    order by visited_at desc, visitor_id limit $2 offset $3
"""
# The counter limits the scan: visits that are not seen are the newest ones, and without the limit the scan would go on to
# the oldest visit. The array is for a generic plan that expects few rows. A locked visit is being repeated, or marked by
# another call.
_MARK_SEEN = f"""
    with unseen as (
        select visitor_id from profile_visit
        where user_id = $1 and not seen and visited_at <= coalesce($3::timestamptz, 'infinity')
        order by visited_at desc, visitor_id limit least($2, {value_of("user.unseen_visits", "$1")})
        for no key update skip locked
    )
    update profile_visit set seen = true
    where user_id = $1 and visitor_id = any (array(select visitor_id from unseen))
    returning visitor_id, visited_at
"""
_END = "delete from profile_visit where (user_id = $1 and visitor_id = $2) or (user_id = $2 and visitor_id = $1)"


class Visit(msgspec.Struct, frozen=True):
    id: int
    visitor_id: UserId
    visited_at: dt.datetime
    seen: bool
    """The owner of the profile has seen the visit in the list."""


async def record_visit(database: Database, user_id: UserId, visitor_id: UserId) -> None:
    """No effect if the visitor does not want visits to be seen."""
    await database.execute(_VISIT, user_id, visitor_id)


async def page(database: Database, user_id: UserId, limit: int, offset: int) -> Sequence[Visit]:
    return [Visit(**row) for row in await database.fetch(_PAGE, user_id, limit, offset)]


async def mark_seen(
    connection: Connection, user_id: UserId, most: int, until: dt.datetime | None = None
) -> Sequence[tuple[UserId, dt.datetime]]:
    """Mark visits as seen, the newest first, up to a time. Returns the visitors and times of those that were not seen."""
    rows = await connection.fetch(_MARK_SEEN, user_id, most, until)
    return [(row["visitor_id"], row["visited_at"]) for row in rows]


async def end_visits(connection: Connection, one: UserId, other: UserId) -> None:
    """Forget that two users have visited each other's profiles."""
    await connection.execute(_END, one, other)
