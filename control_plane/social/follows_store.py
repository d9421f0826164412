"""SQL of follows and of requests to follow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database
from control_plane.social.blocks_store import are_blocked
from control_plane.social.model import Viewer
from control_plane.social.toggles import lock_pair

DEEPEST = 5_000
"""Rows of a list that paging reaches: the newest ones. More: every skipped row costs time, also those of hidden users; the last
page takes about 10 ms. Fewer: a user who follows more does not reach the oldest ones."""

_FOLLOW = "insert into follow (follower_id, followed_id) values ($1, $2)"
_UNFOLLOW = "delete from follow where follower_id = $1 and followed_id = $2"
_NOTIFY = "update follow set notified = $3 where follower_id = $1 and followed_id = $2 returning true"
_COUNT = """
    insert into follow_count as counted (user_id, hour, follows) values ($1, date_trunc('hour', now()), 1)
    on conflict (user_id) do update set
        follows = case when counted.hour = excluded.hour then counted.follows + 1 else 1 end, hour = excluded.hour
    where counted.hour <> excluded.hour or counted.follows < $2
    returning follows
"""
_FOLLOWING = f"select {value_of('user.following', '$1::bigint')}"
_END_FOLLOWS = """
    delete from follow where (follower_id = $1 and followed_id = $2) or (follower_id = $2 and followed_id = $1)
"""

_LOCK_PRIVATE = "select private from app_user where id = $1 for share"
_REQUEST = "insert into follow_request (requester_id, requested_id) values ($1, $2)"
_WITHDRAW = "delete from follow_request where requester_id = $1 and requested_id = $2 returning true"
_END_REQUESTS = """
    delete from follow_request
    where (requester_id = $1 and requested_id = $2) or (requester_id = $2 and requested_id = $1)
"""
_ACCEPT_OLDEST = """
    with oldest as (
        select requester_id from follow_request where requested_id = $1 order by id limit $2 for update
    ), accepted as (
        delete from follow_request where requested_id = $1 and requester_id = any (array(select requester_id from oldest))
        returning requester_id
    )
    insert into follow (follower_id, followed_id) select requester_id, $1 from accepted
    on conflict do nothing returning follower_id as id
"""

# Of a list, only the newest rows are looked at, however many of their users are hidden. Users are looked up by scalar subqueries, because the
# planner would turn a join into a scan of all users. A limit that the planner does not know makes it follow the index: it takes every list for a
# short one, which it would read whole and sort.
_SHOWN = f"""
    (select true from visible_user where id = newest.user_id) and not {are_blocked("newest.user_id", "$2::integer")}
    order by newest.id desc limit $3 offset $4
"""
_FOLLOWERS = f"""
    select newest.user_id as id
    from (select id, follower_id as user_id from follow where followed_id = $1 order by id desc limit (select {DEEPEST})) as newest
    where {_SHOWN}
"""
_FOLLOWED = f"""
    select newest.user_id as id
    from (select id, followed_id as user_id from follow where follower_id = $1 order by id desc limit (select {DEEPEST})) as newest
    where {_SHOWN}
"""
_FRIENDS = f"""
    select newest.user_id as id
    from (select id, followed_id as user_id from follow where follower_id = $1 order by id desc limit (select {DEEPEST})) as newest
    where (select true from follow where follower_id = newest.user_id and followed_id = $1) and {_SHOWN}
"""
_REQUESTS = f"""
    select newest.user_id as id, newest.requested_at
    from (
        select id, requester_id as user_id, requested_at from follow_request
        where requested_id = $1 order by id desc limit (select {DEEPEST})) as newest
    where {_SHOWN}
"""

BY_NAME, BY_AGE = 500, 1_000
"""Users whom a search looks at: those whose username begins with the text, and the newest ones of each list. More: a
search costs more. Fewer: friends from long ago are found by their exact username only."""
_SEARCH = f"""
    select named.id
    from (
        select id from (
            select id from app_user where lower(username) ~>=~ $2 and lower(username) ~<~ ($2 || U&'\\+10FFFF')
            order by lower(username) using ~<~ limit (select {BY_NAME})) as begins
        union
        (select followed_id from follow where follower_id = $1 order by id desc limit (select {BY_AGE}))
        union
        (select follower_id from follow where followed_id = $1 order by id desc limit (select {BY_AGE}))
    ) as named
    cross join lateral (
        select lower(username) as username, username || ' ' || first_name || ' ' || last_name as words from app_user
        where id = named.id offset 0) as shown
    where (exists (select from unnest($3::text[]) as spelled (text) where position(text in words) > 0)
            or position($2 in shown.username) > 0)
        and ((select true from follow where follower_id = $1 and followed_id = named.id)
            or (select true from follow where follower_id = named.id and followed_id = $1))
        and (select true from visible_user where id = named.id) and not {are_blocked("named.id", "$1")}
    order by position($2 in shown.username) <> 1, shown.username, named.id limit $4 offset $5
"""


async def count(connection: Connection, user_id: UserId, most: int) -> bool:
    """Count a follow or a request. False: there were as many as `most` in this hour."""
    return await connection.fetchval(_COUNT, user_id, most) is not None


async def following(connection: Connection, user_id: UserId) -> int:
    """How many users this one follows."""
    number: int = await connection.fetchval(_FOLLOWING, user_id)
    return number


async def follow(connection: Connection, follower_id: UserId, followed_id: UserId) -> None:
    await connection.execute(_FOLLOW, follower_id, followed_id)


async def unfollow(source: Connection | Database, follower_id: UserId, followed_id: UserId) -> None:
    await source.execute(_UNFOLLOW, follower_id, followed_id)


async def set_notified(database: Database, follower_id: UserId, followed_id: UserId, notified: bool) -> bool:
    """False: there is no such follow."""
    return await database.fetchval(_NOTIFY, follower_id, followed_id, notified) is not None


async def end_follows(connection: Connection, one: UserId, other: UserId) -> None:
    """End follows and requests between two users in both directions. Requests first: a request that is being accepted
    becomes a follow meanwhile. Both follows in one statement, so that counters are written in the order of their keys."""
    await lock_pair(connection, one, other)
    await connection.execute(_END_REQUESTS, one, other)
    await connection.execute(_END_FOLLOWS, one, other)


async def lock_private(connection: Connection, user_id: UserId) -> bool:
    """Whether the account is private, which cannot change until the transaction ends."""
    return bool(await connection.fetchval(_LOCK_PRIVATE, user_id))


async def request(connection: Connection, requester_id: UserId, requested_id: UserId) -> None:
    await connection.execute(_REQUEST, requester_id, requested_id)


async def end_request(connection: Connection, requester_id: UserId, requested_id: UserId) -> bool:
    """False: there is no such request."""
    return await connection.fetchval(_WITHDRAW, requester_id, requested_id) is not None


async def accept_oldest(connection: Connection, requested_id: UserId, limit: int) -> Sequence[UserId]:
    """Turn the oldest requests into follows. Returns the requesters."""
    return [row["id"] for row in await connection.fetch(_ACCEPT_OLDEST, requested_id, limit)]


class Request(NamedTuple):
    requester_id: UserId
    requested_at: dt.datetime


async def requests(database: Database, user_id: UserId, limit: int, offset: int) -> Sequence[Request]:
    """The open requests to follow the user, the newest first."""
    if offset >= DEEPEST:
        return []
    rows = await database.fetch(_REQUESTS, user_id, user_id, limit, offset)
    return [Request(row["id"], row["requested_at"]) for row in rows]


async def followers(database: Database, viewer: Viewer, user_id: UserId, limit: int, offset: int) -> Sequence[UserId]:
    """The user's followers whom the viewer sees, the newest first. Empty from offset `DEEPEST` on."""
    return await _ids(database, _FOLLOWERS, user_id, viewer, limit, offset)


async def followed(database: Database, viewer: Viewer, user_id: UserId, limit: int, offset: int) -> Sequence[UserId]:
    """The users whom this one follows, as the viewer sees them, the newest follow first."""
    return await _ids(database, _FOLLOWED, user_id, viewer, limit, offset)


async def friends(database: Database, user_id: UserId, limit: int, offset: int) -> Sequence[UserId]:
    """The users whom this one follows and who follow back."""
    return await _ids(database, _FRIENDS, user_id, user_id, limit, offset)


async def _ids(
    database: Database, statement: str, user_id: UserId, viewer: Viewer, limit: int, offset: int
) -> Sequence[UserId]:
    if offset >= DEEPEST:
        return []
    return [row["id"] for row in await database.fetch(statement, user_id, viewer, limit, offset)]


async def search(database: Database, user_id: UserId, text: str, limit: int, offset: int) -> Sequence[UserId]:
    """The user's followers and followed users with this text in the name, those first whose username begins with it.
    PostgreSQL knows the cases of letters only in some locales, so the text is tried as it may be spelled."""
    spelled = {text, text.lower(), text.upper(), text.title()}
    found = await database.fetch(_SEARCH, user_id, text.lower(), list(spelled), limit, offset)
    return [row["id"] for row in found]
