"""Blocks and visits of a user whom 100,000 others have visited and whom thousands block: a page costs what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from control_plane.base.ids import UserId
from control_plane.db.counters import value_of
from control_plane.db.pool import Database
from control_plane.social.blocks_store import _BLOCKED_BY, _BLOCKED_PAIRS, _BLOCKED_WITH
from control_plane.social.people_store import _SEEN
from control_plane.social.visits import DEEPEST, MARKED_AT_ONCE, mark_visits_seen, visits
from control_plane.social.visits_store import _MARK_SEEN, _PAGE
from control_plane.videos.lists_store import _RELATED
from control_plane.videos.pages import DEEPEST as DEEPEST_VIDEO
from control_plane.videos.pages import NEWEST
from tests.control_plane.measured import measured
from tests.control_plane.videos.rows import clips
from tests.postgres import TestPostgres, as_superuser

STAR, TROLL, STRANGER, OTHER = UserId(1), UserId(2), UserId(70_000), UserId(70_001)
"""The star blocks 20,000 users and is blocked by as many; the troll blocks half of all users."""
USERS, VIDEOS = 100_001, 20_000
PAGE = 10
_FILL = f"""
    insert into app_user (username, profile_view, banned_at)
    select 'user' || n, true, case when n % 17 = 0 then now() end from generate_series(1, {USERS}) as n;
    insert into push_setting (user_id) select id from app_user;
    insert into privacy_setting (user_id) select id from app_user;
    {clips(VIDEOS)}
    insert into video (user_id, content_id) select 1 + n * 7919 % {USERS}, n from generate_series(1, {VIDEOS}) as n;
    insert into profile_visit (user_id, visitor_id, visited_at)
    select {STAR}, n, now() - n * interval '1 second' from generate_series(2, {USERS}) as n;
    insert into profile_visit (user_id, visitor_id) select n, {STAR} from generate_series(2, 1000) as n;
    insert into block (blocker_id, blocked_id) select {STAR}, n from generate_series(3, 20002) as n;
    insert into block (blocker_id, blocked_id) select n, {STAR} from generate_series(30000, 49999) as n;
    insert into block (blocker_id, blocked_id) select {TROLL}, n from generate_series(3, 50000) as n;
    insert into block (blocker_id, blocked_id) select n, n + 2 from generate_series(50000, 60000) as n;
"""
UNSEEN = f"select {value_of('user.unseen_visits', '$1')}"


@pytest.fixture(scope="module")
def template(postgres: TestPostgres) -> Iterator[str]:
    """Name of a database that is filled once for all of these tests."""
    with postgres.filled(_fill) as name:
        yield name


async def _fill(dsn: str) -> None:
    connection = await asyncpg.connect(as_superuser(dsn))
    await connection.execute(_FILL)
    await connection.execute("vacuum analyze")
    await connection.close()


@pytest.fixture
async def grown(postgres: TestPostgres, template: str) -> AsyncIterator[Database]:
    async with postgres.opened(template) as database:
        yield database


@pytest.mark.parametrize("offset", [0, DEEPEST - PAGE])
async def test_a_page_of_visitors_reads_the_visits_up_to_it(grown: Database, offset: int) -> None:
    # A visitor is looked up twice, each time with three blocks of an index; of 17 visitors one is banned.
    blocks, rows = await measured(grown, _PAGE, STAR, PAGE, offset)
    assert rows <= 1.2 * (offset + PAGE)
    assert blocks < 100 + 10 * (offset + PAGE)


@pytest.mark.parametrize("offset", [0, 5_000])
async def test_a_page_of_blocked_users_reads_the_blocks_up_to_it(grown: Database, offset: int) -> None:
    blocks, rows = await measured(grown, _BLOCKED_BY, STAR, PAGE, offset)
    assert rows <= 1.2 * (offset + PAGE)
    assert blocks < 100 + 5 * (offset + PAGE)


async def test_whether_two_users_have_a_block_costs_the_same_for_all(grown: Database) -> None:
    for one, other in ((STAR, 5), (5, STAR), (TROLL, 5), (STRANGER, STAR), (STRANGER, OTHER)):
        blocks, rows = await measured(grown, _BLOCKED_PAIRS, [one], [other])
        assert (blocks <= 20, rows <= 1) == (True, True), (one, other, blocks, rows)
        blocks, _ = await measured(grown, _SEEN, [other] * PAGE, one)
        assert blocks <= 400


async def test_all_blocks_of_a_user_are_read_from_the_indexes(grown: Database) -> None:
    for user_id, most in ((STRANGER, 0), (STAR, 40_000)):
        blocks, rows = await measured(grown, _BLOCKED_WITH, user_id)
        assert rows == most
        assert blocks < 20 + most / 50


@pytest.mark.parametrize("offset", [0, DEEPEST_VIDEO - PAGE])
async def test_the_feed_reads_the_viewers_blocks_once(grown: Database, offset: int) -> None:
    """Not for each video that it passes over."""
    of_guest, _ = await measured(grown, _RELATED, PAGE, offset, None, NEWEST)
    of_stranger, _ = await measured(grown, _RELATED, PAGE, offset, STRANGER, NEWEST)
    assert of_stranger <= of_guest + 100  # what the viewer has done with each video of the page: three lookups


async def test_opening_the_list_marks_the_newest_visits_and_a_job_the_others(grown: Database) -> None:
    total = await grown.fetchval(UNSEEN, STAR)
    page = await visits(grown, STAR, PAGE, 0)
    assert [visit.seen for visit in page] == [False] * PAGE
    assert await grown.fetchval(UNSEEN, STAR) == total - MARKED_AT_ONCE
    (job,) = await grown.fetch("select payload from pgqueuer where entrypoint = 'mark_visits_seen'")
    await mark_visits_seen.bind(grown).run(job["payload"])
    assert await grown.fetchval(UNSEEN, STAR) == 0
    assert await grown.fetchval("select count(*) from profile_visit where user_id = $1 and not seen", STAR) == 0


async def test_a_list_without_new_visits_is_not_searched_for_them(grown: Database) -> None:
    await grown.execute("update profile_visit set seen = true where user_id = $1", STAR, deadline_s=60)
    _, rows = await measured(grown, _MARK_SEEN, STAR, MARKED_AT_ONCE, None)
    assert rows <= 8, "only slots of the counter"
    await grown.execute(
        "update profile_visit set seen = false, visited_at = now() where user_id = $1 and visitor_id = 5", STAR
    )
    _, rows = await measured(grown, _MARK_SEEN, STAR, MARKED_AT_ONCE, None)
    assert rows <= 8


async def test_a_visit_that_comes_while_the_job_runs_stays_new(grown: Database) -> None:
    until = await grown.fetchval("select now() - interval '50000 seconds'")
    before = await grown.fetchval(
        "select count(*) from profile_visit where user_id = $1 and visited_at > $2", STAR, until
    )
    await mark_visits_seen.function(grown, STAR, until.isoformat())
    assert await grown.fetchval(UNSEEN, STAR) == before
