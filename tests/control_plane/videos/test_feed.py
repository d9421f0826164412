"""The feed of an installation with many videos."""

from __future__ import annotations

import json

from control_plane.db.pool import Database
from control_plane.videos.store import _FEED, DEEPEST, feed

VIDEOS = 60_000
SOUNDS = 6_000


async def test_the_deepest_page_reads_few_blocks(database: Database) -> None:
    await database.execute("insert into app_user (username) values ('ada')")
    await database.execute(
        "insert into sound (name, audio, duration_ms) select 's', 'a.mp3', 1 from generate_series(1, $1)", SOUNDS
    )
    await database.execute(
        "insert into video (user_id, media, sound_id, duration_ms, width, height)"
        " select (select min(id) from app_user), 'v.mp4', (select min(id) from sound) + n % $2, 1, 1, 1"
        " from generate_series(1, $1) as n",
        VIDEOS,
        SOUNDS,
        deadline_s=30,
    )
    await database.execute("vacuum analyze video", deadline_s=30)
    explained = await database.fetchval(f"explain (analyze, buffers, format json) {_FEED}", 10, DEEPEST - 10)
    plan = json.loads(explained)[0]["Plan"]
    assert plan["Actual Rows"] == 10
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 1_500

    assert len(await feed(database, 10, DEEPEST - 10)) == 10
    assert await feed(database, 10, DEEPEST) == []
