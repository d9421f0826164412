"""`/@{username}` and `/profile/{username}`: who sees what, also under a former name; `/inbox/entries`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.pages.profile import VIDEOS
from control_plane.accounts import store
from control_plane.accounts.user import NewUser
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from tests.api.whole import Whole, whole
from tests.control_plane.social.relations import ban, block, delete, follow, make_private
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.watched_database import watched_database


async def user(database: Database, name: str) -> UserId:
    async with database.transaction() as connection:
        return await store.create(connection, NewUser(username=name), [])


async def page(served: Whole, path: str, user_id: UserId | None = None) -> tuple[int, str, str]:
    """The status, the body and `Location`."""
    headers = {"Cookie": f"stagedoor={await served.platform.accounts.sessions.issue(user_id)}"} if user_id else {}
    async with served.client.get(path, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers.get("Location", "")


async def shown(served: Whole, name: str, user_id: UserId | None = None) -> dict[str, Any]:
    headers = {"Cookie": f"stagedoor={await served.platform.accounts.sessions.issue(user_id)}"} if user_id else {}
    async with served.client.get(f"/profile/{name}", headers=headers) as response:
        return {"status": response.status, **(await response.json())}


async def test_a_hidden_user_and_a_name_without_a_user_have_the_same_page(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        ann = await user(database, "ann")
        for name, hide in (("banned", ban), ("deleted", delete)):
            await hide(database, await user(database, name))
        await block(database, await user(database, "blocker"), ann)
        missing = await page(served, "/@missing", ann)
        assert missing[0] == 404
        for name in ("banned", "deleted", "blocker", "BLOCKER"):
            status, text, location = await page(served, f"/@{name}", ann)
            assert (status, location) == (404, "")
            assert text.replace(f"/@{name}", "/@missing") == missing[1], name
            assert (await shown(served, name, ann))["status"] == 404
        assert (await page(served, "/@blocker"))[0] == 200, "a guest sees it"


async def test_a_path_that_is_no_name_has_no_user(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        for name in ("%00", "a%00", "%FF", "%ED%A0%80", "a" * 4000):
            assert (await page(served, f"/@{name}"))[0] == 404, name
            assert (await shown(served, name))["status"] == 404, name


async def test_a_private_account_shows_its_videos_to_followers_only(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        ann, ben, owner = [await user(database, name) for name in ("ann", "ben", "owner")]
        await make_private(database, owner)
        await follow(database, ann, owner)
        await database.execute(ADD_VIDEO, owner)
        await database.execute("update video set description = 'One'")
        for viewer, videos in ((ann, ["One"]), (ben, []), (None, []), (owner, ["One"])):
            seen = await shown(served, "owner", viewer)
            assert [video["description"] for video in seen["shown"]["videos"]] == videos, viewer
            assert (seen["open"], seen["own"]) == (bool(videos), viewer == owner)


async def test_a_profile_shows_what_the_viewer_sees_and_pinned_videos_first(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        friend, fan, owner = [await user(database, name) for name in ("friend", "fan", "owner")]
        for one, other in ((friend, owner), (owner, friend), (fan, owner)):
            await follow(database, one, other)
        for change in (
            "pinned = true",
            "pinned = false",
            "privacy = 'friends'",
            "privacy = 'private'",
            "state = 'processing'",
            "state = 'deleted', deleted_at = now()",
            "story = true",
        ):
            video_id = await database.fetchval(ADD_VIDEO, owner)
            await database.execute(f"update video set {change} where id = $1", video_id)
        public = [("public", "ready", True), ("public", "ready", False)]
        friends, private, processing = (
            ("friends", "ready", False),
            ("private", "ready", False),
            ("public", "processing", False),
        )
        for viewer, videos in (
            (owner, [public[0], processing, private, friends, public[1]]),
            (friend, [public[0], friends, public[1]]),
            (fan, public),
            (None, public),
        ):
            seen = (await shown(served, "owner", viewer))["shown"]["videos"]
            assert [(video["privacy"], video["state"], video["pinned"]) for video in seen] == videos, viewer


async def test_older_videos_are_read_in_further_pages(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        fan, owner = await user(database, "fan"), await user(database, "owner")
        ids = [await database.fetchval(ADD_VIDEO, owner) for _ in range(2 * VIDEOS + 1)]
        for change, id_ in (("pinned = true", ids[0]), ("privacy = 'private'", ids[1])):
            await database.execute(f"update video set {change} where id = $1", id_)

        async def read(viewer: UserId | None) -> list[list[int]]:
            pages = [(await shown(served, "owner", viewer))["shown"]]
            while pages[-1]["next"]:
                pages.append(await shown(served, f"owner/videos?before={pages[-1]['next']}", viewer))
            return [[video["id"] for video in page["videos"]] for page in pages]

        for viewer in (fan, None):
            first, second = await read(viewer)
            assert [*first, *second] == [ids[0], *ids[:1:-1]]
        first, second, last = await read(owner)
        assert [*first, *second, *last] == [ids[0], *ids[:0:-1]]
        for wrong in ("", "?before=", "?before=x", "?before=-1", "?before=%D9%A3", f"?before={'9' * 40}"):
            assert (await shown(served, f"owner/videos{wrong}"))["videos"] == [], wrong
        await make_private(database, owner)
        assert (await shown(served, f"owner/videos?before={2**40}", fan))["videos"] == []
        await ban(database, owner)
        assert (await shown(served, f"owner/videos?before={2**40}", fan))["status"] == 404


async def test_a_blocked_user_is_shown_by_name_only(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        ann, ben = await user(database, "ann"), await user(database, "ben")
        await database.execute("update app_user set bio = 'Secret' where id = $1", ben)
        await block(database, ann, ben)
        seen = await shown(served, "ben", ann)
        assert (seen["blocked"], seen["bio"], seen["open"]) == (True, "", False)
        assert "Secret" not in (await page(served, "/@ben", ann))[1]


async def test_another_case_and_a_former_name_lead_to_the_present_name(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        ben = await user(database, "ben")
        assert (await page(served, "/@BEN"))[::2] == (302, "/@ben")
        token = await served.platform.accounts.sessions.issue(ben)
        async with served.client.post(
            "/api/editProfile", json={"username": "benjamin"}, headers={"Authorization": f"Bearer {token}"}
        ) as response:
            assert (await response.json())["code"] == 200
        assert (await page(served, "/@ben"))[::2] == (302, "/@benjamin")


async def test_entries_that_say_the_same_are_one(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        ann = await user(database, "ann")
        assert (await page(served, "/inbox/entries"))[0] == 401
        fans = [await user(database, f"fan{number}") for number in range(5)]
        for fan in fans:
            async with database.transaction() as connection:
                await told(connection, fan, ann)
        token = await served.platform.accounts.sessions.issue(ann)
        async with served.client.get("/inbox/entries", headers={"Cookie": f"stagedoor={token}"}) as response:
            answer = await response.json()
        (group,) = answer["told"]
        assert answer["more"] is False
        assert group["text"] == "fan4 and 4 others started following you."
        assert [sender["user_id"] for sender in group["senders"]] == fans[:1:-1]
        assert (len(group["ids"]), group["read"]) == (5, False)


async def test_the_inbox_shows_no_words_of_a_video_that_became_private(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        ann, ben = await user(database, "ann"), await user(database, "ben")
        video_id = await database.fetchval(ADD_VIDEO, ben)
        async with database.transaction() as connection:
            await tell(connection, Told(Kind.VIDEO_POST, ben, video_id=video_id, text="My words"), [ann])
        assert "posted a video: My words" in (await page(served, "/inbox/entries", ann))[1]
        await database.execute("update video set privacy = 'private'")
        text = (await page(served, "/inbox/entries", ann))[1]
        assert "posted a video." in text
        assert "My words" not in text


async def told(connection: Connection, sender: UserId, receiver: UserId) -> None:
    await tell(connection, Told(Kind.FOLLOW, sender), [receiver])
