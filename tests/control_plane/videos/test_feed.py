"""The feed of a database with many videos, most of which have the same sound."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial

import pytest

from control_plane.accounts import store as accounts
from control_plane.db.pool import Database
from control_plane.videos import lists_store
from control_plane.videos.lists import cells_near
from control_plane.videos.lists_store import _RELATED, related
from control_plane.videos.pages import DEEPEST, NEWEST, Start
from control_plane.videos.sight import IN_FEEDS
from control_plane.videos.video import Video
from tests.control_plane.grown import HIT_SOUND, STAR, Size, fill
from tests.control_plane.measured import measured
from tests.postgres import TestPostgres, by_owner

SIZE = Size(users=5_000, videos=40_000, gifts=10, visits=4_000)
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


async def feed(database: Database, offset: int) -> list[Video]:
    return [row.video for row in await related(database, None, PAGE, Start(NEWEST, offset, known=False))]


@pytest.mark.parametrize("offset", [0, DEEPEST // 2, DEEPEST - PAGE])
async def test_a_page_touches_the_rows_up_to_it_and_few_blocks(grown: Database, offset: int) -> None:
    blocks, rows = await measured(grown, _RELATED, PAGE, offset, None, NEWEST)
    assert rows <= offset + PAGE
    assert blocks < 300  # 10 videos, their sounds and counters, and the part of the index up to the page
    assert len(await feed(grown, offset)) == PAGE

    owners = [video.user_id for video in await feed(grown, offset)]
    blocks, rows = await measured(grown, accounts._BY_IDS, [STAR, *owners])
    assert blocks < 350
    assert rows <= 2 * len(owners)


LISTS: Mapping[str, tuple[object, ...]] = {
    "_RELATED": (),
    "_FOLLOWING": (),
    "_PRIVATE_OF": (),
    "_FRIENDS_STORIES": (),
    "_NEARBY": (cells_near(48.1, 11.1),),
    "_AT_LOCATION": (1, None),
    "_OF_USER": (2,),
    **dict.fromkeys(("_LIKED", "_REPOSTED", "_FAVOURITES"), (STAR,)),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("viewer", [None, 2, STAR])
async def test_a_page_reads_a_bounded_part_of_each_list(grown: Database, name: str, viewer: int | None) -> None:
    """Also for a viewer who follows and blocks many, in the middle of the list, and at the deepest offset."""
    statement, of = getattr(lists_store, name), LISTS[name]
    for before, offset, most in ((NEWEST, 0, 1), (SIZE.videos // 2, 0, 1), (NEWEST, DEEPEST - PAGE, 3)):
        blocks, rows = await measured(grown, statement, PAGE, offset, viewer, before, *of)
        assert (blocks < most * 12_000, rows <= most * 6_000) == (True, True), (before, offset, blocks, rows)


async def test_right_after_every_video_was_changed_a_page_touches_each_row_once(grown: Database) -> None:
    await by_owner(grown, "alter table video set (autovacuum_enabled = false)")
    await grown.execute("update video set description = description || '.'", deadline_s=30)
    blocks, rows = await measured(grown, _RELATED, PAGE, DEEPEST - PAGE, None, NEWEST)
    assert rows <= DEEPEST
    assert blocks < 3 * DEEPEST


async def test_pages_hold_every_public_video_once_with_the_count_of_its_sound(grown: Database) -> None:
    pages = [await feed(grown, offset) for offset in range(0, DEEPEST, PAGE)]
    shown = [video for page in pages for video in page]
    newest = await grown.fetch(f"select id from video where {IN_FEEDS} order by id desc limit $1", DEEPEST)
    assert [video.id for video in shown] == [row["id"] for row in newest]
    hits = {video.sound.total_videos for video in shown if video.sound and video.sound.id == HIT_SOUND}
    assert hits == {await grown.fetchval(f"select count(*) from video where sound_id = $1 and {IN_FEEDS}", HIT_SOUND)}


async def test_a_star_is_read_without_counting_videos_and_visits(grown: Database) -> None:
    blocks, rows = await measured(grown, accounts._BY_IDS, [STAR])
    assert blocks < 40
    assert rows <= 10
    star = (await accounts.by_ids(grown, [STAR]))[STAR]
    counted = await grown.fetchrow(
        "select (select count(*) from video where user_id = $1) as videos,"
        " (select count(*) from profile_visit where user_id = $1 and not seen) as visits",
        STAR,
    )
    assert counted is not None
    assert (star.video_count, star.unseen_visits) == tuple(counted)
