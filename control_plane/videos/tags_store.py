"""SQL of the hashtags, mentions and places of videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.social.blocks_store import are_blocked
from control_plane.videos.tags import MOST_MENTIONS, Mentions
from control_plane.videos.video import VideoId

_ADD_HASHTAGS = (
    "insert into hashtag (name) select name from unnest($1::text[]) as name order by name on conflict do nothing"
)
_HASHTAGS = "select id from hashtag where name = any($1::text[])"
_UNTAG = "delete from video_hashtag where video_id = $1 and hashtag_id <> all($2::integer[])"
_TAG = "insert into video_hashtag (video_id, hashtag_id) select $1, unnest($2::integer[]) on conflict do nothing"
_MENTIONED = f"""
    select id from visible_user
    where (id = any($2::integer[]) or lower(username) = any($3::text[])) and id <> $1 and not {are_blocked("$1", "visible_user.id")}
"""
_FORGET_MENTIONS = "delete from video_mention where video_id = $1 and user_id <> all($2::integer[])"
_MENTION = """
    insert into video_mention (video_id, user_id) select $1, unnest($2::integer[]) on conflict do nothing
    returning user_id
"""
_PLACE = """
    with added as (
        insert into location (google_place_id, string, name) values ($1, $2, $3)
        on conflict (google_place_id, lower(string), lower(name)) do nothing returning id)
    select id from added union all
    select id from location where google_place_id = $1 and lower(string) = lower($2) and lower(name) = lower($3)
"""


@dataclass(frozen=True, slots=True)
class GivenPlace:
    """A place as an app sends it."""

    google_place_id: str = ""
    name: str = ""
    string: str = ""
    """The address."""
    latitude: float | None = None
    longitude: float | None = None


async def set_hashtags(connection: Connection, video_id: VideoId, names: Sequence[str]) -> None:
    """Make these the hashtags of the video. New ones are added in the order of their names, so that two posts that add the
    same ones do not wait for each other."""
    ids: list[int] = []
    if names:
        await connection.execute(_ADD_HASHTAGS, names)
        ids = [row["id"] for row in await connection.fetch(_HASHTAGS, names)]
    await connection.execute(_UNTAG, video_id, ids)
    await connection.execute(_TAG, video_id, ids)


async def mentioned(connection: Connection, user_id: UserId, mentions: Mentions) -> Sequence[UserId]:
    """The users whom this user mentions, without the user, users who are not there, and those with a block."""
    if not (mentions.user_ids or mentions.usernames):
        return []
    found = await connection.fetch(_MENTIONED, user_id, mentions.user_ids, mentions.usernames)
    return [row["id"] for row in found][:MOST_MENTIONS]


async def set_mentions(
    connection: Connection, video_id: VideoId, owner: UserId, mentions: Mentions
) -> Sequence[UserId]:
    """Make these the users whom the video mentions. Returns those who were not mentioned before."""
    wanted = await mentioned(connection, owner, mentions)
    await connection.execute(_FORGET_MENTIONS, video_id, wanted)
    return [row["user_id"] for row in await connection.fetch(_MENTION, video_id, wanted)] if wanted else []


async def place_id(connection: Connection, place: GivenPlace) -> int | None:
    """The row of this place in these words; it is added if there is none. None: the place has no name."""
    words = (place.google_place_id, place.string, place.name)
    if not any(words):
        return None
    found: int | None = await connection.fetchval(_PLACE, *words)
    return found if found is not None else await connection.fetchval(_PLACE, *words)  # it was added meanwhile
