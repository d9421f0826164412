"""The demo users like, save and repost each other's videos, and comment on them: all before the first start."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.inbox.model import Kind
from control_plane.videos.store import pin_comment
from control_plane.videos.video import VideoId
from stagedoor.demo import social_store as store
from stagedoor.demo.people import PEOPLE
from stagedoor.demo.reactions import COMMENTS, LIKES, REPOSTS, SAVES, likes_of_comment
from stagedoor.demo.social import READ
from stagedoor.demo.social_store import Act, Told
from stagedoor.demo.videos import POSTS

_NUMBERS = {person.username: number for number, person in enumerate(PEOPLE)}


async def add_opinions(
    connection: Connection, people: Mapping[str, UserId], posts: Sequence[VideoId]
) -> Sequence[Told]:
    """`posts`: in the order of `POSTS`. Returns what inboxes tell of it."""
    now = utc_now()
    for table, reactions in (("video_like", LIKES), ("video_favourite", SAVES), ("video_repost", REPOSTS)):
        acts = [Act(people[username], posts[place], now - _age(username, place)) for username, place in reactions]
        await store.react(connection, table, acts)
    told = list(_told_of_likes(people, posts, now))
    for place, video_id in enumerate(posts):
        told += await _discuss(connection, people, place, video_id, now)
    return told


def _told_of_likes(people: Mapping[str, UserId], posts: Sequence[VideoId], now: dt.datetime) -> Iterator[Told]:
    for username, place in LIKES:
        age, owner = _age(username, place), people[POSTS[place].username]
        yield Told(owner, people[username], Kind.VIDEO_LIKE, "", now - age, age > READ, posts[place])


async def _discuss(
    connection: Connection, people: Mapping[str, UserId], place: int, video_id: VideoId, now: dt.datetime
) -> Sequence[Told]:
    """The comments on one video. Returns what inboxes tell of them."""
    owner, told = people[POSTS[place].username], []
    for number, comment in enumerate(COMMENTS[place]):
        author, age = people[comment.username], dt.timedelta(days=comment.days)
        comment_id = await store.comment(connection, video_id, author, comment.text, now - age, None)
        likes = [
            Act(people[username], comment_id, now - 0.9 * min(age, _membership(username)))
            for username in likes_of_comment(place, number)
        ]
        await store.react(connection, "comment_like", likes)
        told.append(Told(owner, author, Kind.VIDEO_COMMENT, comment.text, now - age, age > READ, video_id, comment_id))
        if comment.pinned:
            await pin_comment(connection, owner, video_id, comment_id)
        for reply in comment.replies:
            replier, age = people[reply.username], dt.timedelta(days=reply.days)
            reply_id = await store.comment(connection, video_id, replier, reply.text, now - age, comment_id)
            told.append(
                Told(author, replier, Kind.COMMENT_REPLY, reply.text, now - age, age > READ, video_id, reply_id)
            )
    return told


def _age(username: str, place: int) -> dt.timedelta:
    """Of a reaction: after the post, mostly soon, and after the user had signed up."""
    share = ((_NUMBERS[username] * 7 + place * 11) % 23 + 1) / 24
    return min(_membership(username), dt.timedelta(days=POSTS[place].days)) * math.sqrt(share)


def _membership(username: str) -> dt.timedelta:
    return dt.timedelta(days=PEOPLE[_NUMBERS[username]].days)
