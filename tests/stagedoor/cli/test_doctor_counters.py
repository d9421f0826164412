"""The finding of `stagedoor doctor` about the counters."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.counters_store import COUNTED
from stagedoor.cli.doctor import counters as doctors
from stagedoor.cli.doctor.counters import counters
from stagedoor.cli.doctor.finding import Finding, State
from stagedoor.cli.doctor.installation import Installation
from tests.control_plane.grown import Size, fill
from tests.postgres import by_owner

_NAMES = """
    select distinct match[1] as name
    from pg_proc, regexp_matches(prosrc, '''([a-z_]+[.][a-z_]+)''', 'g') as match where prosrc like '%counter_add%'
    union select split_part(encode(tgargs, 'escape'), '\\000', 1)
    from pg_trigger join pg_proc on pg_proc.oid = tgfoid where proname = 'count_of_comment'
"""


_COLUMNS = """
    select attname as name from pg_attribute
    where attrelid = 'video_count'::regclass and attnum > 0 and attname not in ('video_id', 'slot')
"""
_REACTIONS = """
    insert into video_like (video_id, user_id) select id, 1 + id % 50 from video on conflict do nothing;
    insert into video_favourite (video_id, user_id) select id, 1 + id % 50 from video on conflict do nothing;
    insert into video_repost (video_id, user_id) select id, 1 + id % 50 from video on conflict do nothing;
    insert into video_comment (video_id, user_id, text) select id, 1 + id % 50, 'good' from video;
    insert into video_comment (video_id, user_id, parent_id, text) select video_id, user_id, id, 'yes' from video_comment;
    insert into comment_like (comment_id, user_id) select id, user_id from video_comment on conflict do nothing;
    insert into hashtag (name) values ('a') on conflict do nothing;
    insert into video_hashtag (video_id, hashtag_id) select id, 1 from video on conflict do nothing;
"""


async def looked(dsn: str | None, folder: Path) -> Finding | None:
    settings = Settings(data_dir=folder)
    return await counters(Installation(settings, False, False, {}, False, Ports.of(settings), dsn, ""))


async def test_every_counter_of_the_schema_is_compared(database: Database) -> None:
    of_videos = {name for name in COUNTED if name.startswith("video.")}
    assert {row["name"] for row in await database.fetch(_NAMES)} == set(COUNTED) - of_videos
    columns = await database.fetch(_COLUMNS)
    assert {f"video.{row['name']}" for row in columns} - {"video.views", "video.shares"} == of_videos


async def test_counters_of_a_filled_database_are_in_order(dsn: str, database: Database, tmp_path: Path) -> None:
    await fill(dsn, Size(users=50, videos=100, gifts=10, visits=20))
    await by_owner(database, _REACTIONS)
    before = await database.fetch("select * from counter order by 1, 2, 3")
    finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert finding.state is State.OK, finding
    assert await database.fetch("select * from counter order by 1, 2, 3") == before


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("change", ["set value = value + 1", "set subject_id = 1000000"])
async def test_a_wrong_counter_is_found(dsn: str, database: Database, tmp_path: Path, name: str, change: str) -> None:
    await fill(dsn, Size(users=50, videos=100, gifts=10, visits=20))
    await by_owner(database, _REACTIONS)
    await database.execute(
        "insert into inbox_entry (receiver_id, number, sender_id, kind) values (2, 1, 3, 'following')"
    )
    if name.startswith("video."):
        column = name.removeprefix("video.")
        change = change.replace("value", column).replace("subject_id = 1000000", f"{column} = 0")
        await database.execute(
            f"update video_count {change} where (video_id, slot) in (select video_id, slot from video_count limit 1)"
        )
    else:
        one = await database.fetchval("select ctid from counter where name = $1 limit 1", name)
        await database.execute(f"update counter {change} where ctid = $1", one)
    finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert finding.state is State.BROKEN
    assert f"{name} of " in finding.text
    assert "counted" in finding.text
    assert all(f"{other} of " not in finding.text for other in COUNTED if other != name)


async def test_a_database_that_takes_too_long_is_not_counted_to_the_end(
    dsn: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctors, "WITHIN_S", 0.2)
    async with database.transaction() as connection:
        await connection.execute("lock table video")
        async with asyncio.timeout(10):
            finding = await looked(dsn, tmp_path)
    assert finding is not None
    assert finding.state is State.WARNING
    assert "user.videos" in finding.text


async def test_without_a_database_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert await looked(None, tmp_path) is None
