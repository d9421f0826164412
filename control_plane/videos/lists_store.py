"""SQL of the lists of videos. All statements have the same first parameters: $1 rows of a page, $2 rows to skip, $3 the
viewer, $4 the key that all rows are below; then those of the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.social.model import Viewer
from control_plane.videos.pages import DEEPEST, Start
from control_plane.videos.sight import LIVE_STORY, SHARED, followed, is_one, newest_listed, sees
from control_plane.videos.store import page_of, video_of
from control_plane.videos.video import Video

_VIEWER, _BEFORE = "$3::integer", "$4::bigint"
_PAGE = "limit $1::integer offset $2::integer"
_UP_TO_PAGE = "limit $1::integer + $2::integer"
_OF_FOLLOWED = f"{is_one('user_id', 'followed_id')} and id < {_BEFORE}"

NEAR = 1_000
"""Newest videos that are looked through for those of followed users, before each of these users is asked for the newest
ones. More: slower for users who follow few. Fewer: slower for users who follow thousands."""
FOLLOWS = 2_000
"""Followed users who are asked for stories: the newest follows. More: slower for users who follow thousands. Fewer: they miss
stories."""
WORDINGS = 100
"""Rows of a place whose videos are merged: the oldest ones. More: slower where users word a place in many ways. Fewer: the list
lacks videos of rare wordings."""
STORIES = 30
"""Stories of one user in a list: the newest ones. More: a larger page, which the apps load at once."""


def _list(picked: str) -> str:
    return page_of(picked, _VIEWER)


def _reacted(table: str) -> str:
    """Videos with a reaction of the user $5 that the viewer sees, the newest reaction first."""
    seen = f"(select true from video where id = reaction.video_id and {sees('video', _VIEWER)})"
    return _list(f"""
        select reaction.video_id as id, reaction.id as key
        from (
            select id, video_id from {table} where user_id = $5::integer and id < {_BEFORE}
            order by id desc limit (select {DEEPEST})) as reaction
        where {seen} order by reaction.id desc {_PAGE}
    """)


_RELATED = _list(f"select id, id::bigint as key from ({newest_listed(f'id < {_BEFORE}', _VIEWER)}) as one {_PAGE}")

# A user follows up to `MOST_FOLLOWED` others. If the newest videos have a page of theirs, it is in order. Otherwise the newest
# videos are those of the users whose newest ones are newest: each is asked for one, and only as many as a page has for a page.
_FOLLOWING = _list(f"""
    with near as materialized (
        select id from (
            select * from video where id < {_BEFORE} and {SHARED} order by id desc limit {NEAR}) as video
        where (select true from follow where follower_id = {_VIEWER} and followed_id = user_id) and {followed(_VIEWER)}
        order by id desc {_UP_TO_PAGE}
    ), far as (
        select video.id
        from (
            select followed_id, (
                select id from video where {_OF_FOLLOWED} and {followed(_VIEWER)} order by user_id, id desc limit 1) as newest
            from follow where follower_id = {_VIEWER} order by newest desc nulls last {_UP_TO_PAGE}) as owner
        cross join lateral (
            select id from video where {_OF_FOLLOWED} and {followed(_VIEWER)}
            order by user_id, id desc {_UP_TO_PAGE}) as video
        where (select count(*) from near) < $1::integer + $2::integer
    )
    select id, id::bigint as key
    from (
        select id from near where (select count(*) from near) = $1::integer + $2::integer
        union all select id from far) as video
    order by id desc {_PAGE}
""")
_NEARBY = _list(f"""
    select video.id, video.id::bigint as key from unnest($5::integer[]) as near (cell)
    cross join lateral (
        {newest_listed(f"{is_one('place_cell', 'near.cell')} and id < {_BEFORE}", _VIEWER, "place_cell")} {_UP_TO_PAGE}) as video
    order by video.id desc {_PAGE}
""")
_AT_LOCATION = _list(f"""
    select video.id, video.id::bigint as key
    from (
        select id from location where id = $5::integer
        union select id from (
            select id from location
            where google_place_id = (select google_place_id from location where id = $5::integer and google_place_id <> '')
            order by id limit {WORDINGS}) as of_google
        union select id from (
            select id from location where lower(string) = lower($6::text) order by id limit {WORDINGS}) as named
    ) as place
    cross join lateral (
        {newest_listed(f"location_id = place.id and id < {_BEFORE}", _VIEWER)} {_UP_TO_PAGE}) as video
    order by video.id desc {_PAGE}
""")
_OF_USER = _list(f"""
    select id, profile_rank as key
    from (
        select * from video where user_id = $5::integer and profile_rank < {_BEFORE} and state <> 'deleted'
        order by profile_rank desc limit (select {DEEPEST})) as video
    where not story and (privacy = 'public' or user_id is distinct from {_VIEWER}) and {sees("video", _VIEWER)}
    order by profile_rank desc {_PAGE}
""")
_PRIVATE_OF = _list(f"""
    select id, profile_rank as key from video
    where user_id = {_VIEWER} and profile_rank < {_BEFORE} and state <> 'deleted' and not story and privacy <> 'public'
    order by profile_rank desc {_PAGE}
""")
_LIKED = _reacted("video_like")
_REPOSTED = _reacted("video_repost")
_FAVOURITES = _reacted("video_favourite")

# In the order of their first story, which a new one does not change.
_FRIENDS_STORIES = _list(f"""
    select story.id, friend.first::bigint as key
    from (
        select followed_id, first
        from (
            select followed_id, (
                select id from video where user_id = followed_id and {LIVE_STORY} and {sees("video", _VIEWER)}
                order by created_at limit 1) as first
            from (
                select followed_id from follow where follower_id = {_VIEWER} order by id desc limit (select {FOLLOWS})) as newest
        ) as followed
        where first < {_BEFORE} and (select true from follow where follower_id = followed.followed_id and followed_id = {_VIEWER})
        order by first desc {_PAGE}) as friend
    cross join lateral (
        select id, created_at from video where user_id = followed_id and {LIVE_STORY} and {sees("video", _VIEWER)}
        order by created_at desc limit {STORIES}) as story
    order by friend.first desc, story.created_at, story.id
""")
_STORIES_OF = page_of(
    f"""
        select id, key
        from (
            select id, created_at, id::bigint as key from video
            where user_id = $1::integer and {LIVE_STORY} and {sees("video", "$2::integer")}
            order by created_at desc limit {STORIES}) as newest
        order by created_at, id
    """,
    "$2::integer",
)


class Keyed(NamedTuple):
    """A row of a list. `key`: its place there."""

    video: Video
    key: int


async def related(database: Database, viewer_id: Viewer, size: int, start: Start) -> Sequence[Keyed]:
    return await _read(database, _RELATED, viewer_id, size, start)


async def following(database: Database, viewer_id: Viewer, size: int, start: Start) -> Sequence[Keyed]:
    return await _read(database, _FOLLOWING, viewer_id, size, start)


async def nearby(
    database: Database, viewer_id: Viewer, size: int, start: Start, cells: Sequence[int]
) -> Sequence[Keyed]:
    return await _read(database, _NEARBY, viewer_id, size, start, cells)


async def at_location(
    database: Database, viewer_id: Viewer, size: int, start: Start, location_id: int | None, address: str | None
) -> Sequence[Keyed]:
    """Of the location of this id, in all wordings of its place, and of all that have this address."""
    return await _read(database, _AT_LOCATION, viewer_id, size, start, location_id, address)


async def of_user(database: Database, viewer_id: Viewer, size: int, start: Start, user_id: UserId) -> Sequence[Keyed]:
    """The user's videos that the viewer sees, pinned ones first. Of the own ones only the public ones."""
    return await _read(database, _OF_USER, viewer_id, size, start, user_id)


async def private_of(database: Database, user_id: UserId, size: int, start: Start) -> Sequence[Keyed]:
    """The user's own videos that are not public."""
    return await _read(database, _PRIVATE_OF, user_id, size, start)


async def liked(database: Database, viewer_id: Viewer, size: int, start: Start, user_id: UserId) -> Sequence[Keyed]:
    return await _read(database, _LIKED, viewer_id, size, start, user_id)


async def reposted(database: Database, viewer_id: Viewer, size: int, start: Start, user_id: UserId) -> Sequence[Keyed]:
    return await _read(database, _REPOSTED, viewer_id, size, start, user_id)


async def favourites(database: Database, user_id: UserId, size: int, start: Start) -> Sequence[Keyed]:
    return await _read(database, _FAVOURITES, user_id, size, start, user_id)


async def friends_stories(database: Database, user_id: UserId, size: int, start: Start) -> Sequence[Keyed]:
    """The stories of `size` friends: the oldest first, those of one user together, which have one key."""
    return await _read(database, _FRIENDS_STORIES, user_id, size, start)


async def stories_of(database: Database, viewer_id: Viewer, user_id: UserId) -> list[Video]:
    """The stories of one user, the oldest first."""
    return [video_of(row) for row in await database.fetch(_STORIES_OF, user_id, viewer_id)]


async def _read(
    database: Database, statement: str, viewer_id: Viewer, size: int, start: Start, *of: object
) -> Sequence[Keyed]:
    rows = await database.fetch(statement, size, start.offset, viewer_id, start.before, *of)
    return [Keyed(video_of(row), row["key"]) for row in rows]
