"""How the demo users stand to each other, what they write and what they are told, on a real database."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest

from api.sections.videos.comments import LONGEST
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox import store as inbox
from control_plane.inbox.model import Kind
from control_plane.messages import reading_store as messages
from control_plane.messages.model import Number, State
from control_plane.operations import counters_store as counters
from control_plane.social import blocks_store as blocks
from control_plane.social import follows_store as follows
from control_plane.social import suggestions_store as suggestions
from control_plane.social import visits_store as visits
from control_plane.storage.files import Files
from control_plane.storage.places import Folder
from stagedoor.demo import town
from stagedoor.demo.conversations import CONVERSATIONS
from stagedoor.demo.people import PEOPLE
from stagedoor.demo.reactions import COMMENTS, LIKES
from stagedoor.demo.relations import BLOCKS, FOLLOWS, GIFTS, LIVE_STARTS, REQUESTS, VISITORS
from stagedoor.demo.town import add_town
from stagedoor.demo.videos import POSTS
from tests.stagedoor.demo.samples import drawn_once, sample_files

IDS = {person.username: UserId(number) for number, person in enumerate(PEOPLE, 1)}
FIRST_FIVE = list(IDS.values())[:5]
ADA = IDS["ada"]


@pytest.fixture
async def peopled(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database with the town."""
    monkeypatch.setattr(town, "_portrait", drawn_once)
    await add_town(database, Files(Folder(tmp_path / "media"), database), sample_files(tmp_path))
    return database


def _pairs(related: Mapping[str, str]) -> set[tuple[str, str]]:
    pairs = [(one, other) for one, others in related.items() for other in others.split()]
    assert len(set(pairs)) == len(pairs)
    assert {name for pair in pairs for name in pair} <= IDS.keys()
    assert all(one != other for one, other in pairs)
    return set(pairs)


def test_relations_are_possible() -> None:
    followed, asked, blocked, visited = (_pairs(related) for related in (FOLLOWS, REQUESTS, BLOCKS, VISITORS))
    private = {person.username for person in PEOPLE if person.private}
    assert {requested for _, requested in asked} == private
    assert not followed & asked
    wrote = {(talk.first, talk.second) for talk in CONVERSATIONS}
    occasions = {(gift.username, gift.receiver) for gift in GIFTS}
    for one, other in blocked:
        assert not {(one, other), (other, one)} & (followed | asked | visited | wrote | occasions)
    assert all({line.username for line in talk.lines} <= {talk.first, talk.second} for talk in CONVERSATIONS)
    assert all(talk.lines[0].username == talk.first for talk in CONVERSATIONS)


def test_reactions_are_possible() -> None:
    comments = [(POSTS[place].username, one) for place, discussion in COMMENTS.items() for one in discussion]
    written = {(owner, one.username) for owner, comment in comments for one in (comment, *comment.replies)}
    reacted = written | {(POSTS[place].username, username) for username, place in LIKES}
    assert {username for pair in reacted for username in pair} <= IDS.keys()
    blocked = _pairs(BLOCKS)
    assert not {(two, one) for one, two in reacted} & blocked
    assert not reacted & (blocked | {("ada", "ben"), ("ben", "ada")})
    assert {place for _, place in LIKES} == COMMENTS.keys() == set(range(len(POSTS)))
    assert max(len(comment.text) for _, comment in comments) <= LONGEST


def test_ada_and_ben_do_not_know_each_other_and_visit_no_profiles() -> None:
    related = _pairs(FOLLOWS) | _pairs(REQUESTS) | _pairs(BLOCKS) | _pairs(VISITORS)
    related |= {(talk.first, talk.second) for talk in CONVERSATIONS}
    assert not {("ada", "ben"), ("ben", "ada")} & related
    assert not {visitor for _, visitor in _pairs(VISITORS)} & {person.username for person in PEOPLE[:5]}


async def test_counters_are_right(peopled: Database) -> None:
    async with peopled.transaction() as connection:
        for name in counters.COUNTED:
            assert await counters.wrong(connection, name, 10) == [], name


async def test_no_list_of_the_first_five_is_empty(peopled: Database) -> None:
    for user_id in FIRST_FIVE:
        everything = user_id, 100, 0
        assert len(await follows.followers(peopled, user_id, *everything)) > 5
        assert len(await follows.followed(peopled, user_id, *everything)) > 5
        assert len(await follows.friends(peopled, *everything)) > 2
        assert len(await suggestions.suggested(peopled, *everything)) > 10
        assert await blocks.blocked_by(peopled, *everything)
        assert {visit.seen for visit in await visits.page(peopled, *everything)} == {True, False}
        entries = await inbox.page(peopled, *everything)
        assert {entry.read for entry in entries} == {True, False}
        assert {entry.told.kind for entry in entries} >= {Kind.FOLLOW, Kind.LIVE, Kind.GIFT, Kind.MESSAGE}
        for state in (State.OPEN, State.REQUEST):
            assert await messages.conversations(peopled, user_id, state, 100, 0)
        assert min(await messages.unread(peopled, user_id)) > 0


async def test_ada_has_every_kind_of_relation(peopled: Database) -> None:
    friends = set(await follows.friends(peopled, ADA, 100, 0))
    assert set(await follows.followers(peopled, ADA, ADA, 100, 0)) - friends
    assert set(await follows.followed(peopled, ADA, ADA, 100, 0)) - friends
    conversations = await messages.conversations(peopled, ADA, State.OPEN, 100, 0)
    assert len(conversations) == 3
    sent = [
        message
        for conversation in conversations
        for message in await messages.before(peopled, ADA, conversation.other_id, Number(0), 100)
    ]
    assert {message.kind.value for message in sent} == {"text", "picture", "video"}
    kinds = {entry.told.kind for entry in await inbox.page(peopled, ADA, 100, 0)}
    assert Kind.FOLLOW_ACCEPTED in kinds
    asked = await follows.requests(peopled, IDS["nia.w"], 100, 0)
    assert ADA in {request.requester_id for request in asked}


async def test_guests_are_shown_the_popular_users_from_the_first_start_on(peopled: Database) -> None:
    counts = {name: sum(name == followed for _, followed in _pairs(FOLLOWS)) for name in IDS}
    best, second, *_ = sorted(counts.values(), reverse=True)
    assert best > second
    assert (await suggestions.suggested(peopled, None, 100, 0))[0] == IDS[max(counts, key=lambda name: counts[name])]


async def test_lists_are_in_the_order_of_their_times(peopled: Database) -> None:
    for statement in (
        "select follower_id as user_id, followed_at as at from follow order by 1, id",
        "select requested_id as user_id, requested_at as at from follow_request order by 1, id",
        "select receiver_id as user_id, created_at as at from inbox_entry order by 1, number",
        "select conversation_id as user_id, sent_at as at from message order by 1, number",
        "select user_id, created_at as at from video_like order by 1, id",
        "select video_id as user_id, created_at as at from video_comment where parent_id is null order by 1, id",
        "select parent_id as user_id, created_at as at from video_comment where parent_id is not null order by 1, id",
        "select user_id, sent_at as at from message_copy join message using (conversation_id, number) order by 1, change",
    ):
        rows = await peopled.fetch(statement)
        assert rows
        assert max(row["at"] for row in rows) < utc_now()
        for one, other in itertools.pairwise(rows):
            assert one["user_id"] != other["user_id"] or one["at"] <= other["at"], statement


async def test_nothing_happened_before_its_users_signed_up(peopled: Database) -> None:
    for table, one, other, at in (
        ("follow", "follower_id", "followed_id", "followed_at"),
        ("follow_request", "requester_id", "requested_id", "requested_at"),
        ("block", "blocker_id", "blocked_id", "blocked_at"),
        ("profile_visit", "visitor_id", "user_id", "visited_at"),
        ("inbox_entry", "sender_id", "receiver_id", "created_at"),
        ("conversation", "low_id", "high_id", "created_at"),
    ):
        early = f"select count(*) from {table} t join app_user u on u.id in (t.{one}, t.{other}) where u.created_at >= t.{at}"
        assert await peopled.fetchval(f"select count(*) from {table}") > 5
        assert await peopled.fetchval(early) == 0, table


async def test_nobody_reacts_to_what_was_not_there(peopled: Database) -> None:
    for table, of in (
        ("video_like", "video v on v.id = t.video_id"),
        ("video_favourite", "video v on v.id = t.video_id"),
        ("video_repost", "video v on v.id = t.video_id"),
        ("video_comment", "video v on v.id = t.video_id"),
        ("video_comment", "video_comment v on v.id = t.parent_id"),
        ("comment_like", "video_comment v on v.id = t.comment_id"),
    ):
        reactions = f"select count(*) from {table} t join {of} join app_user u on u.id = t.user_id"
        assert await peopled.fetchval(reactions) > 15, table
        early = f"{reactions} where t.created_at <= greatest(v.created_at, u.created_at) or t.created_at >= now()"
        assert await peopled.fetchval(early) == 0, table


async def test_messages_and_entries_are_numbered_without_gaps(peopled: Database) -> None:
    for numbered in (
        "select last_number, (select array_agg(number order by number) from message where conversation_id = id) as numbers"
        " from conversation",
        "select last_number, (select array_agg(number order by number) from inbox_entry where receiver_id = user_id) as numbers"
        " from inbox",
    ):
        for row in await peopled.fetch(numbered):
            assert list(range(1, row["last_number"] + 1)) == (row["numbers"] or [])


async def test_the_demo_users_are_within_no_limit_of_now(peopled: Database) -> None:
    assert await peopled.fetchval("select max(period_sent) from mailbox") == 0
    assert await peopled.fetchval("select count(*) from follow_count") == 0


def test_shared_videos_are_those_that_the_text_means() -> None:
    shared = {line.text: POSTS[line.post].username for talk in CONVERSATIONS for line in talk.lines if line.post}
    assert set(shared.values()) == {"mei.lin", "ada", "kwame.b", "minjun.seo", "lars.vdb"}


def test_hosts_of_live_starts_have_followers() -> None:
    followed = {other for _, other in _pairs(FOLLOWS)}
    assert {start.username for start in LIVE_STARTS} <= followed
