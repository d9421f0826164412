"""`/v/{id}`: who sees the page of a video, and what it says to sites that show a link to it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.pages.video import TITLE_CHARACTERS
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.pages.test_profile import page, user
from tests.api.whole import Whole, whole
from tests.control_plane.social.relations import ban, block, delete, follow, make_private
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.watched_database import watched_database

HIDING = "update video set {} where id = $1"


async def video_of(database: Database, owner: UserId, change: str = "") -> int:
    video_id: int = await database.fetchval(ADD_VIDEO, owner)
    if change:
        await database.execute(HIDING.format(change), video_id)
    return video_id


def item(text: str) -> dict[str, Any]:
    """The video that the page contains."""
    found = re.search(r'data-item="([^"]*)"', text)
    assert found is not None
    answered: dict[str, Any] = json.loads(html.unescape(found[1]))
    return answered


def tags(text: str) -> dict[str, str]:
    return {
        name: html.unescape(said) for name, said in re.findall(r'<meta property="([^"]*)" content="([^"]*)">', text)
    }


async def missing(served: Whole, video_id: int, viewer: UserId | None = None) -> str:
    """Where the video is hidden: the page of a video that does not exist."""
    status, text, _ = await page(served, f"/v/{video_id}", viewer)
    assert status == 404
    return text.replace(f"/v/{video_id}", "/v/0")


@pytest.mark.parametrize(
    ("change", "sees"),
    [
        ("", {"owner", "friend", "stranger", "guest"}),
        ("privacy = 'friends'", {"owner", "friend"}),
        ("privacy = 'private'", {"owner"}),
        ("state = 'processing'", {"owner"}),
        ("state = 'deleted', deleted_at = now()", set()),
    ],
)
async def test_who_sees_a_video(change: str, sees: set[str], dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        users = {name: await user(database, name) for name in ("owner", "friend", "stranger", "blocked", "blocker")}
        await follow(database, users["friend"], users["owner"])
        await follow(database, users["owner"], users["friend"])
        await block(database, users["owner"], users["blocked"])
        await block(database, users["blocker"], users["owner"])
        video_id = await video_of(database, users["owner"], change)
        for name in (*users, "guest"):
            viewer = users.get(name)
            if name in sees:
                status, text, _ = await page(served, f"/v/{video_id}", viewer)
                assert (status, item(text)["Video"]["id"]) == (200, video_id), name
            else:
                assert await missing(served, video_id, viewer) == (await page(served, "/v/0", viewer))[1], name


async def test_a_hidden_owner_hides_the_video(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        follower = await user(database, "follower")
        for name, hide in (("banned", ban), ("deleted", delete), ("private", make_private)):
            owner = await user(database, name)
            await follow(database, follower, owner)
            video_id = await video_of(database, owner)
            await hide(database, owner)
            assert await missing(served, video_id) == (await page(served, "/v/0"))[1], name
            assert ((await page(served, f"/v/{video_id}", follower))[0] == 200) is (name == "private"), name


@pytest.mark.parametrize("text", ["0", "-1", "x", "01", "9" * 30, "%00", "1%0A"])
async def test_a_path_that_is_no_id_has_no_video(text: str, dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        assert (await page(served, f"/v/{text}"))[0] == 404


async def test_a_link_is_shown_with_picture_and_video(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        owner = await user(database, "ada")
        video_id = await video_of(database, owner)
        await database.execute("update video set description = $1", '<b>"One" & two</b>\nThree ' + "x" * 100)
        _, text, _ = await page(served, f"/v/{video_id}")
        base = served.platform.urls.base
        said = tags(text)
        assert said["og:type"] == "video.other"
        assert said["og:url"] == f"{base}/v/{video_id}"
        assert said["og:title"] == '<b>"One" & two</b> – ada'
        assert said["og:description"].startswith('<b>"One" & two</b>\nThree')
        assert said["og:image"] == f"{base}/media/v.jpg"
        assert said["og:video"] == f"{base}/media/v.mp4"
        assert (said["og:video:type"], said["og:video:width"], said["og:video:height"]) == ("video/mp4", "9", "16")
        assert '<meta name="twitter:card" content="summary_large_image">' in text
        assert "<b>" not in text

        await database.execute("update video set description = ''")
        said = tags((await page(served, f"/v/{video_id}"))[1])
        assert (said["og:title"], said["og:description"]) == ("Video by ada", "A video by ada on Stagedoor")
        await database.execute("update video set description = $1", "long " * 100)
        assert len(tags((await page(served, f"/v/{video_id}"))[1])["og:title"]) == TITLE_CHARACTERS + len(" – ada")
