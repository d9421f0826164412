"""SQL of suggested users: whom the viewer's followed users follow, popular users with the viewer's interests, and popular
users.

A page costs the same for every viewer: it looks at the newest follows and at a short list of popular users, which a job
writes.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.social.blocks_store import are_blocked
from control_plane.social.model import Viewer

NEWEST = 20
"""Followed users of the viewer that count, and follows of each of them. More: a page costs more, by the square."""
POPULAR = 200
"""Popular users. More: longer pages for guests, at a higher cost of each. Fewer: viewers who follow many of them find
no others."""
RANKING_S = 300.0
"""Deadline of the job. It reads the number of followers of every user: about a second for a million users."""

_SUGGESTED = f"""
    with mine as (select followed_id from follow where follower_id = $1::integer order by id desc limit (select {NEWEST})),
    candidate (id, friends, interests, followers) as (
        select theirs.followed_id, 1, 0, 0
        from mine cross join lateral (
            select followed_id from follow where follower_id = mine.followed_id order by id desc limit (select {NEWEST})) as theirs
        union all
        select popular_user.user_id, 0, (
            select count(*)::integer from user_interest theirs
            join user_interest own on own.user_id = $1::integer and own.interest_id = theirs.interest_id
            where theirs.user_id = popular_user.user_id), followers
        from popular_user
    ), ranked as (
        select id, sum(friends) as friends, sum(interests) as interests, max(followers) as followers from candidate group by id
    )
    select id from ranked
    where id is distinct from $1::integer
        and (select true from visible_user where id = ranked.id) and not {are_blocked("ranked.id", "$1::integer")}
        and (select true from follow where follower_id = $1::integer and followed_id = ranked.id) is null
        and (select true from follow_request where requester_id = $1::integer and requested_id = ranked.id) is null
    order by friends desc, interests desc, followers desc, id
    limit $2 offset $3
"""
_ADD = f"""
    insert into popular_user (user_id, followers)
    select $1, 1 where (select count(*) from popular_user) < {POPULAR} on conflict (user_id) do nothing
"""
_RANK = f"""
    with best as (
        select u.id, counted.followers
        from (
            select subject_id, sum(value) as followers from counter where name = 'user.followers'
            group by subject_id having sum(value) > 0 order by followers desc limit 2 * {POPULAR}) as counted
        join visible_user u on u.id = counted.subject_id
        order by counted.followers desc, u.id limit {POPULAR}
    ), fallen as (
        delete from popular_user where user_id not in (select id from best)
    )
    insert into popular_user as ranked (user_id, followers) select id, followers from best
    on conflict (user_id) do update set followers = excluded.followers where ranked.followers <> excluded.followers
"""


async def suggested(database: Database, viewer: Viewer, limit: int, offset: int) -> Sequence[UserId]:
    """The best first. Never the viewer, nor users whom the viewer follows or has asked, who are hidden, or of whom one
    blocks the other. Guests get popular users."""
    return [row["id"] for row in await database.fetch(_SUGGESTED, viewer, limit, offset)]


async def add_popular(connection: Connection, user_id: UserId) -> None:
    """Add a user who got a follower while the list has room: on a small server every such user is suggested at once."""
    await connection.execute(_ADD, user_id)


async def rank(database: Database) -> None:
    """Write the list of popular users again."""
    await database.execute(_RANK, deadline_s=RANKING_S)
