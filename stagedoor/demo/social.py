"""The demo users follow, ask, visit and block each other, write, and are told of it: all before the first start."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from control_plane.accounts.profile_media import PictureNames
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.inbox.model import Kind
from control_plane.messages import store as messages
from control_plane.messages.model import Content, Number, State
from control_plane.messages.sending import PERIOD, PICTURES, used_by
from control_plane.pictures.model import Picture
from control_plane.storage.files import Files
from control_plane.videos.video import VideoId
from stagedoor.demo import social_store as store
from stagedoor.demo.conversations import CONVERSATIONS, Conversation
from stagedoor.demo.people import PEOPLE
from stagedoor.demo.relations import BLOCKS, FOLLOWS, GIFTS, LIVE_STARTS, REQUESTS, VISITORS
from stagedoor.demo.social_store import Act, Told

SENT_PORTRAITS = {line.portrait for talk in CONVERSATIONS for line in talk.lines} - {""}
READ = dt.timedelta(days=2)
"""Age of inbox entries that are read."""
_OLDEST_ENTRY = dt.timedelta(days=60)
"""Inboxes do not keep entries for ever."""
_BETWEEN_VISITS = dt.timedelta(hours=13)
_SEEN = 3 * _BETWEEN_VISITS
"""Age of visits that their owner has seen."""
_NUMBERS = {person.username: number for number, person in enumerate(PEOPLE)}
_PRIVATE = {person.username for person in PEOPLE if person.private}


async def add_relations(connection: Connection, people: Mapping[str, UserId]) -> None:
    now = utc_now()
    await store.follow(connection, [Act(people[a], people[b], now - _age(a, b)) for a, b in _pairs(FOLLOWS)])
    await store.request(connection, [Act(people[a], people[b], now - _age(a, b)) for a, b in _pairs(REQUESTS)])
    await store.block(connection, [Act(people[a], people[b], now - _age(a, b)) for a, b in _pairs(BLOCKS)])
    visits = [
        Act(people[visitor], people[owner], now - (place + 0.2) * _BETWEEN_VISITS)
        for owner, visitors in VISITORS.items()
        for place, visitor in enumerate(visitors.split())
    ]
    await store.visit(connection, visits, seen_until=now - _SEEN)


def _pairs(related: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((one, other) for one, others in related.items() for other in others.split())


def _age(one: str, other: str) -> dt.timedelta:
    """When the first user followed, asked or blocked the second one: after both had signed up, and mostly of late."""
    first, second = _NUMBERS[one], _NUMBERS[other]
    share = ((first * 7 + second * 11) % 23 + 1) / 24
    return dt.timedelta(days=min(PEOPLE[first].days, PEOPLE[second].days)) * share**3


async def store_sent_picture(files: Files, picture: Picture) -> PictureNames:
    """Store a picture as those of messages are, which nothing uses yet. Raises StorageUnavailable."""
    return PictureNames(
        full=await files.add(PICTURES, picture.full, "jpg", owner=None, public=False),
        small=await files.add(PICTURES, picture.small, "jpg", owner=None, public=False),
    )


async def add_conversations(
    connection: Connection,
    files: Files,
    people: Mapping[str, UserId],
    posts: Sequence[VideoId],
    pictures: Mapping[str, PictureNames],
) -> None:
    """`posts`: in the order of `POSTS`. `pictures`: those that are sent, by the username of the portrait."""
    now = utc_now()
    ids = {
        talk: await messages.begin(connection, people[talk.first], people[talk.second], _state(talk))
        for talk in CONVERSATIONS
    }
    # From the oldest line to the newest: mailboxes are in the order of their changes.
    lines = ((talk, line) for talk in CONVERSATIONS for line in talk.lines)
    for talk, line in sorted(lines, key=lambda sent: -sent[1].hours):
        picture = pictures[line.portrait] if line.portrait else PictureNames()
        video_id = VideoId(0) if line.post is None else posts[line.post]
        content = Content(text=line.text, picture=picture.full, picture_small=picture.small, video_id=video_id)
        two = people[line.username], people[talk.receiver(line)]
        number = await messages.send(connection, ids[talk], *two, _state(talk), content, None, PERIOD)
        if content.picture:
            await files.use(connection, used_by(ids[talk], number), {content.picture, content.picture_small})
        await store.date_message(connection, ids[talk], number, now - dt.timedelta(hours=line.hours))
    for talk, conversation_id in ids.items():
        reader = people[talk.receiver(talk.lines[-1])]
        [change] = (await messages.touch(connection, [reader])).values()
        await messages.read(connection, reader, conversation_id, Number(len(talk.lines) - talk.unread), change)
    await store.finish_messages(connection)


def _state(talk: Conversation) -> State:
    """How the second user takes it."""
    answered = any(line.username == talk.second for line in talk.lines)
    return State.OPEN if answered or talk.first in FOLLOWS[talk.second].split() else State.REQUEST


async def fill_inboxes(connection: Connection, people: Mapping[str, UserId], of_videos: Sequence[Told]) -> None:
    """What the acts above, those of `LIVE_STARTS` and `GIFTS`, and reactions to videos would have told."""
    now = utc_now()
    of_users = [
        Told(people[receiver], people[sender], kind, text, now - age, read)
        for receiver, sender, kind, text, age, read in _entries()
    ]
    await store.tell(connection, [told for told in (*of_users, *of_videos) if now - told.at < _OLDEST_ENTRY])


def _entries() -> Iterator[tuple[str, str, Kind, str, dt.timedelta, bool]]:
    """The usernames of receiver and sender, the kind, its text, its age, and whether it is read."""
    for follower, followed in _pairs(FOLLOWS):
        age = _age(follower, followed)
        if followed in _PRIVATE:
            yield follower, followed, Kind.FOLLOW_ACCEPTED, "", age, age > READ
        else:
            yield followed, follower, Kind.FOLLOW, "", age, age > READ
    for requester, requested in _pairs(REQUESTS):
        yield requested, requester, Kind.FOLLOW_REQUEST, "", _age(requester, requested), False
    for start in LIVE_STARTS:
        age = dt.timedelta(hours=start.hours)
        for follower, followed in _pairs(FOLLOWS):
            if followed == start.username and age < _age(follower, followed):
                yield follower, followed, Kind.LIVE, start.text, age, age > READ
    for gift in GIFTS:
        age = dt.timedelta(hours=gift.hours)
        yield gift.receiver, gift.username, Kind.GIFT, gift.text, age, age > READ
    for talk in CONVERSATIONS:
        if _state(talk) is State.OPEN:
            last = talk.lines[-1]
            yield talk.receiver(last), last.username, Kind.MESSAGE, "", dt.timedelta(hours=last.hours), not talk.unread
