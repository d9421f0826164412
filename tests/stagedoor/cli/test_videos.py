"""`stagedoor videos`: what operators see of uploads, try again, and remove."""

from __future__ import annotations

import json

import pytest

from control_plane.db.pool import Database
from control_plane.operations.videos import NoSuchVideo, VideoNotRetried
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.stagedoor.cli.operator import Operator

_FAILED = """
    with content as (
        insert into video_content (state, failure, original, sha256)
        values ('failed', 'It is damaged.', 'private/ab/abababababababababab.bin', 'same') returning id)
    insert into video (user_id, content_id, state, description) select $1, id, 'failed', 'Cooking' from content returning id
"""
_EQUAL = (
    "insert into video (user_id, content_id, state) select $1, content_id, state from video where id = $2 returning id"
)


async def test_a_video_that_failed_is_tried_again(database: Database, operator: Operator) -> None:
    assert await operator.types("videos", "list") == "There is no such video.\n"
    ann, bob = await new_user(database, "ann"), await new_user(database, "bob")
    ready = await database.fetchval(ADD_VIDEO, bob)
    failed = await database.fetchval(_FAILED, ann)
    for command in (["list"], ["list", "--state", "failed"], ["list", "--user", str(ann)], ["show", str(failed)]):
        printed = await operator.types("videos", *command)
        assert "failed: It is damaged." in printed
        assert "Cooking" in printed
    assert "Cooking" not in await operator.types("videos", "list", "--user", str(bob))
    (listed,) = json.loads(await operator.types("videos", "list", "--json", "--state", "ready"))
    assert (listed["id"], listed["state"]) == (ready, "ready")
    assert json.loads(await operator.types("videos", "show", str(failed), "--json"))["failure"] == "It is damaged."

    assert "again" in await operator.types("videos", "retry", str(failed))
    assert f"{failed}" in await operator.types("videos", "list", "--state", "processing")
    assert await database.fetchval("select count(*) from pgqueuer where entrypoint = 'process_content'") == 1
    (entry,) = json.loads(await operator.types("audit", "--json"))
    assert (entry["act"], entry["subject"]) == ("video.retried", f"video:{failed}")
    with pytest.raises(VideoNotRetried):
        await operator.types("videos", "retry", str(ready))
    for command in (["retry", "999"], ["show", "999"], ["remove", "999", "--yes"]):
        with pytest.raises(NoSuchVideo):
            await operator.types("videos", *command)


async def test_a_removed_video_takes_equal_uploads_with_it(database: Database, operator: Operator) -> None:
    ann, bob = await new_user(database, "ann"), await new_user(database, "bob")
    first = await database.fetchval(_FAILED, ann)
    second = await database.fetchval(_EQUAL, bob, first)
    other = await database.fetchval(ADD_VIDEO, bob)
    printed = await operator.types("videos", "remove", str(first), "--reason", "not ours", "--yes")
    assert f"Video {first} is removed." in printed
    states = await database.fetch("select id, state from video order by id")
    assert [tuple(row) for row in states] == [(first, "deleted"), (second, "deleted"), (other, "ready")]
    refused = await database.fetchrow("select sha256, reason from refused_content")
    assert refused is not None
    assert tuple(refused) == (b"same", "not ours")
    (entry,) = json.loads(await operator.types("audit", "--json"))
    assert (entry["act"], entry["subject"], entry["detail"]) == (
        "video.removed",
        f"video:{first}",
        {"reason": "not ours"},
    )
    with pytest.raises(NoSuchVideo):
        await operator.types("videos", "remove", str(first), "--yes")
    assert "deleted" in await operator.types("videos", "show", str(second))
