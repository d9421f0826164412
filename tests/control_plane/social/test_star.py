"""Follows of a user with many followers cost the same as those of others: the plans of every statement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.social import follows_store as store
from control_plane.social import people_store, suggestions_store
from control_plane.social.follows_store import BY_AGE, BY_NAME, DEEPEST
from control_plane.social.suggestions_store import NEWEST, POPULAR
from control_plane.videos import store as videos
from tests.control_plane.grown import STAR, Size, fill
from tests.control_plane.measured import measured
from tests.postgres import TestPostgres

SIZE = Size(users=7_000, videos=20_000, gifts=10, visits=10)
FAN, NOBODY, STRANGER = UserId(6_999), UserId(6_998), UserId(13)
"""One follower of the star, one whom few follow, and one whom the star blocks."""
PAGE = 10


@pytest.fixture(scope="module")
def template(postgres: TestPostgres) -> Iterator[str]:
    """Name of a database that is filled once for all of these tests."""
    with postgres.filled(partial(fill, size=SIZE)) as name:
        yield name


@pytest.fixture
async def grown(postgres: TestPostgres, template: str) -> AsyncIterator[Database]:
    async with postgres.opened(template) as database:
        yield database


LISTS = {
    "followers": store._FOLLOWERS,
    "followed": store._FOLLOWED,
    "friends": store._FRIENDS,
    "requests": store._REQUESTS,
}


@pytest.mark.parametrize("viewer", [None, FAN, STAR])
@pytest.mark.parametrize("name", LISTS)
async def test_a_first_page_costs_the_same_for_a_star(grown: Database, name: str, viewer: UserId | None) -> None:
    user_id = UserId(11) if name == "requests" else STAR  # a private account that a third of the users ask
    blocks, rows = await measured(grown, LISTS[name], user_id, viewer, PAGE, 0)
    assert rows <= 3 * PAGE  # some users in between are banned, or of two one blocks the other
    assert blocks < 50 * PAGE


@pytest.mark.parametrize("name", LISTS)
async def test_the_last_page_reads_a_bounded_number_of_rows(grown: Database, name: str) -> None:
    user_id = UserId(11) if name == "requests" else STAR
    blocks, rows = await measured(grown, LISTS[name], user_id, FAN, PAGE, DEEPEST - PAGE)
    assert rows <= DEEPEST
    assert blocks < 25 * DEEPEST


async def test_hidden_users_do_not_make_a_page_read_more(grown: Database) -> None:
    await grown.execute("update app_user set banned_at = now() where id > 20", deadline_s=30)
    blocks, rows = await measured(grown, store._FOLLOWERS, STAR, None, PAGE, 0)
    assert rows <= DEEPEST
    assert blocks < 25 * DEEPEST


async def test_pages_hold_every_shown_follower_once_up_to_the_deepest(grown: Database) -> None:
    size = DEEPEST // 10
    pages = [await store.followers(grown, FAN, STAR, size, offset) for offset in range(0, DEEPEST + size, size)]
    listed = [id_ for page in pages for id_ in page]
    newest = await grown.fetch(
        "select follower_id as id from follow where followed_id = $1 order by id desc limit $2", STAR, DEEPEST
    )
    banned = {row["id"] for row in await grown.fetch("select id from app_user where banned_at is not null")}
    assert listed == [row["id"] for row in newest if row["id"] not in banned]
    assert pages[-1] == []


@pytest.mark.parametrize("text", ["user1", "USER6999", "9", "nobody of this name"])
@pytest.mark.parametrize("searcher", [STAR, FAN])
async def test_a_search_looks_at_a_bounded_number_of_users(grown: Database, searcher: UserId, text: str) -> None:
    for offset in (0, 500):
        blocks, rows = await measured(grown, store._SEARCH, searcher, text.lower(), [text], PAGE, offset)
        assert rows <= BY_NAME + 2 * BY_AGE
        assert blocks < 20 * (BY_NAME + 2 * BY_AGE)


@pytest.mark.parametrize("viewer", [None, STAR, FAN, STRANGER])
async def test_suggestions_look_at_a_bounded_number_of_users(grown: Database, viewer: UserId | None) -> None:
    most = NEWEST * NEWEST + POPULAR
    for offset in (0, 400):
        blocks, rows = await measured(grown, suggestions_store._SUGGESTED, viewer, PAGE, offset)
        assert rows <= 2 * most
        assert blocks < 40 * most


async def test_the_videos_of_suggested_users_are_found_without_their_others(grown: Database) -> None:
    await grown.execute("update video set user_id = 1, privacy = 'private' where id % 3 > 0", deadline_s=30)
    await grown.execute("analyze video")
    found = await videos.newest_of(grown, None, [STAR, UserId(2), UserId(3)], 3)
    assert all(
        len(of) <= 3 and [one.id for one in of] == sorted((one.id for one in of), reverse=True) for of in found.values()
    )
    blocks, rows = await measured(grown, videos._NEWEST_OF, [STAR, UserId(2), UserId(3)], 3, None)
    assert rows <= 9
    assert blocks < 150


@pytest.mark.parametrize("target", [STAR, NOBODY])
async def test_following_costs_the_same(grown: Database, target: UserId) -> None:
    other = UserId(2)
    changes: tuple[tuple[str, tuple[object, ...]], ...] = (
        (people_store._SEEN, ([target], other)),
        (store._UNFOLLOW, (other, target)),
        (store._FOLLOW, (other, target)),
        (store._NOTIFY, (other, target, False)),
        (store._FOLLOWING, (target,)),
        (store._COUNT, (target, 100)),
        (store._LOCK_PRIVATE, (target,)),
        (store._END_FOLLOWS, (other, target)),
        (store._REQUEST, (other, target)),
        (store._END_REQUESTS, (other, target)),
        (store._WITHDRAW, (other, target)),
    )
    blocks, rows = await measured(grown, suggestions_store._ADD, target)
    assert rows <= POPULAR
    assert blocks < 120
    for statement, args in changes:
        blocks, rows = await measured(grown, statement, *args)
        assert rows <= 20, statement
        assert blocks < 120, statement


async def test_accepting_some_of_many_requests_reads_only_those(grown: Database) -> None:
    blocks, rows = await measured(grown, store._ACCEPT_OLDEST, UserId(11), 10)
    assert rows <= 30
    assert blocks < 1500  # ten rows are deleted and ten written, with their indexes and counters
