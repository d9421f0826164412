"""Which videos a viewer sees, as SQL conditions. Every statement that shows videos has one of them.

`listed` is the condition of lists of many owners, which show no video of a private account; `sees` that of single videos
and of the lists of one owner. The arguments are SQL: the name of the row of a video, and the viewer's id, null for a guest.
"""

from __future__ import annotations

from control_plane.social.blocks_store import are_blocked, blocked_with

STORY_LIFE = "interval '24 hours'"
IN_FEEDS = "privacy = 'public' and not hidden and state = 'ready' and not story"
"""Of the partial indexes `video_feed`, `video_public_of` and `video_place`; only with these words does PostgreSQL use them."""


def sees(video: str, viewer: str) -> str:
    """The viewer sees the video: the own ones, those for friends as a friend, and public ones unless there is a block. The
    videos of a private account are hidden, but not from its followers."""
    owner = f"{video}.user_id"
    follows = f"(select true from follow where follower_id = {viewer} and followed_id = {owner})"  # noqa: S608 (SQL of callers)
    followed = f"(select true from follow where follower_id = {owner} and followed_id = {viewer})"  # noqa: S608 (SQL of callers)
    exists = f"(select true from visible_user where id = {owner})"  # noqa: S608 (SQL of callers)
    public = f"{video}.privacy = 'public' and (not {video}.hidden or {follows} and {exists})"
    friends = f"{video}.privacy = 'friends' and {follows} and {followed} and {exists}"
    lasts = f"(not {video}.story or {video}.created_at > now() - {STORY_LIFE})"
    others = f"{video}.state = 'ready' and {lasts} and ({public} or {friends}) and not {are_blocked(owner, viewer)}"
    return f"({video}.state <> 'deleted' and ({owner} = {viewer} or {others}))"


def listed(viewer: str) -> str:
    """Public videos of others and of the viewer, without those that the viewer is not interested in. For a select from
    `video` without an alias."""
    uninterested = f"(select video_id from not_interested where user_id = {viewer})"  # noqa: S608 (SQL of callers)
    return f"{IN_FEEDS} and user_id not in {blocked_with(viewer)} and id not in {uninterested}"
