"""Which videos a viewer sees, as SQL. Every statement that shows videos has one of these conditions.

`sees` is the condition of single videos and of the lists of one owner or one user's reactions; `newest_listed` and
`followed` are those of the lists of many owners, which leave out what the viewer is not interested in. The arguments are
SQL: the name of the row of a video, and the viewer's id, null for a guest.
"""

from __future__ import annotations

from control_plane.social.blocks_store import are_blocked, blocked_with

STORY_LIFE = "interval '24 hours'"
IN_FEEDS = "privacy = 'public' and not hidden and state = 'ready' and not story"
"""Of the partial indexes `video_feed`, `video_public_of` and `video_place`; only with these words does PostgreSQL use them."""
SHARED = "privacy <> 'private' and state = 'ready' and not story"
"""Of the partial index `video_shared_of`."""
LIVE_STORY = f"story and state = 'ready' and privacy <> 'private' and created_at > now() - {STORY_LIFE}"
"""The first words are those of the partial index `video_stories`."""

LOOKED_AT = 5_000
"""Rows that a page of many owners looks at, from its first one on. More: a viewer who hides many of them waits longer.
Fewer: the list of such a viewer ends earlier."""


def sees(video: str, viewer: str) -> str:
    """The viewer sees the video: the own ones, those for friends as a friend, and public ones unless there is a block. The
    videos of a private account are hidden, but not from its followers."""
    owner = f"{video}.user_id"
    follows = f"(select true from follow where follower_id = {viewer} and followed_id = {owner})"  # noqa: S608 (SQL of callers)
    back = _follows_back(owner, viewer)
    exists = _exists(owner)
    public = f"{video}.privacy = 'public' and (not {video}.hidden or {follows} and {exists})"
    friends = f"{video}.privacy = 'friends' and {follows} and {back} and {exists}"
    lasts = f"(not {video}.story or {video}.created_at > now() - {STORY_LIFE})"
    others = f"{video}.state = 'ready' and {lasts} and ({public} or {friends}) and not {are_blocked(owner, viewer)}"
    return f"({video}.state <> 'deleted' and ({owner} = {viewer} or {others}))"


def newest_listed(where: str, viewer: str, of: str = "") -> str:
    """A select of the ids of public videos of others and of the viewer, the newest first, among the `LOOKED_AT` newest ones
    that fulfil `where`: a condition on the columns of `video`. `of`: the column of which `where` has `is_one`. A limit that
    the planner does not know makes it follow an index."""
    order = f"{of}, id desc" if of else "id desc"
    return f"""
        select newest.id
        from (
            select id, user_id from video where {IN_FEEDS} and {where} order by {order} limit (select {LOOKED_AT})) as newest
        where newest.user_id not in {blocked_with(viewer)} and newest.id not in {_uninteresting(viewer)}
        order by newest.id desc
    """  # noqa: S608 (SQL of callers)


def followed(viewer: str) -> str:
    """The viewer sees the video of a user whom the viewer follows, and is interested in it. For a select from `video`
    without an alias."""
    return f"""{SHARED}
        and (privacy = 'public' or {_follows_back("user_id", viewer)}) and (not hidden or {_exists("user_id")})
        and user_id not in {blocked_with(viewer)} and id not in {_uninteresting(viewer)}"""


def is_one(column: str, value: str) -> str:
    """The column has this value. Together with `order by column, id desc`, only an index that begins with the column fits.
    With `column = value` and `order by id desc`, a planner that knows of few values expects many rows of each, and reads
    the newest videos of all values: every one of them for a value that has none."""
    return f"{column} >= {value} and {column} <= {value}"


def _follows_back(owner: str, viewer: str) -> str:
    return f"(select true from follow where follower_id = {owner} and followed_id = {viewer})"  # noqa: S608 (SQL of callers)


def _exists(owner: str) -> str:
    return f"(select true from visible_user where id = {owner})"  # noqa: S608 (SQL of callers)


def _uninteresting(viewer: str) -> str:
    return f"(select video_id from not_interested where user_id = {viewer})"  # noqa: S608 (SQL of callers)
