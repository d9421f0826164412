"""The files of videos over HTTP: signed addresses of a folder and of a bucket, and everything that ends them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.http.files import FileRoutes
from api.http.urls import VideoFiles
from api.http.video_files import VideoFileRoutes
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.social.model import Viewer
from control_plane.storage.addresses import Addresses
from control_plane.storage.bundle import Stored
from control_plane.storage.files import Files
from control_plane.storage.model import Storage
from control_plane.storage.space import Space
from control_plane.videos.addresses import LIFE_S, PUBLIC_LIFE_S, VideoAddresses
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import VideoId
from tests.api.served import URLS
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private
from tests.control_plane.storage.conftest import s3, storage
from tests.control_plane.videos.rows import add_stored

__all__ = ["s3", "storage"]

CONTENT = {kind: kind.encode() * 200 for kind in (*VideoFiles._fields, "watermarked", "original")}
KEYS = Keyring((Secret("a", b"a" * 32),))
START = 1_000_000.0


class Served(NamedTuple):
    client: TestClient[web.Request, web.Application]
    database: Database
    files: Files
    addresses: VideoAddresses
    now: list[float]
    owner: UserId
    viewer: UserId

    async def video(self, privacy: str = "public", state: str = "ready") -> VideoId:
        return await add_stored(self.database, self.files, self.owner, CONTENT, privacy=privacy, state=state)

    async def urls(self, video_id: VideoId, viewer_id: Viewer) -> VideoFiles | None:
        """What an answer to this viewer has; None if the viewer does not see the video."""
        video = (await seen_by_ids(self.database, viewer_id, [video_id])).get(video_id)
        urls = replace(URLS, video_addresses=self.addresses)
        return None if video is None else VideoFiles(*(url.removeprefix(urls.base) for url in urls.video_files(video)))

    async def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        async with self.client.get(path, headers=headers) as response:
            return response.status, await response.read()

    async def opens(self, path: str) -> bool:
        status, _ = await self.get(path)
        assert status in {200, 404}
        return status == 200


@pytest.fixture
async def served(storage: Storage, database: Database, tmp_path: Path) -> AsyncIterator[Served]:
    now, files = [START], Files(storage, database)
    addresses = VideoAddresses(KEYS, lambda: now[0])
    sender = FileRoutes(tmp_path / "media", Stored(files, Addresses(KEYS), Space(tmp_path, 0)), database)
    app = web.Application()
    app.add_routes(VideoFileRoutes(sender, addresses, database).routes())
    owner, viewer = await new_user(database), await new_user(database)
    async with TestClient(TestServer(app)) as client:
        yield Served(client, database, files, addresses, now, owner, viewer)


async def test_each_file_is_read_in_whole_and_in_ranges(served: Served) -> None:
    urls = await served.urls(await served.video(), None)
    assert urls is not None
    for kind, url in urls._asdict().items():
        assert await served.get(url) == (200, CONTENT[kind]), kind
        assert await served.get(url, Range="bytes=3-9") == (206, CONTENT[kind][3:10])
        assert await served.get(url, Range="bytes=-5") == (206, CONTENT[kind][-5:])
    async with served.client.get(urls.media, allow_redirects=False) as response:
        life_s = {200: 600, 302: 60}[response.status]
        assert response.headers["Cache-Control"] == f"private, max-age={life_s}"
    async with served.client.get(urls.media) as response:
        assert response.headers["Content-Type"] == "video/mp4"
        assert "Content-Disposition" not in response.headers


async def test_an_address_opens_the_files_of_one_video_and_not_its_original(served: Served) -> None:
    one, other = [await served.video() for _ in range(2)]
    urls = await served.urls(one, served.viewer)
    assert urls is not None
    media = urls.media
    _, _, _, mark, file = media.split("/")
    viewer, _, rest = mark.partition("-")
    expires, _, signature = rest.partition(".")
    assert await served.get(media.replace("media.", "watermarked.")) == (200, CONTENT["watermarked"])
    for wrong in (
        *(f"/videos/{other}/{mark}/{file}", f"/videos/{one + 100}/{mark}/{file}", f"/videos/9999999999/{mark}/{file}"),
        *(
            f"/videos/{one}/{mark}/{name}"
            for name in ("original.mp4", "media", "media.jpg", "media.mp4.mp4", "salt.", "x")
        ),
        *(f"/videos/{one}/{name}/{file}" for name in ("0", "-.", mark[:-1], mark + "A", f"{rest}", f"٣-{rest}")),
        f"/videos/{one}/0-{rest}/{file}",  # a guest's
        f"/videos/{one}/{served.owner}-{rest}/{file}",
        f"/videos/{one}/{viewer}-{int(expires) + 1}.{signature}/{file}",
        f"/videos/{one}/{viewer}-{'9' * 5000}.{signature}/{file}",
        f"/videos/{one}/{viewer}-{expires}.é{signature}/{file}",
        *(f"/videos/{one}/{mark}", f"/videos/{one}/{mark}/", f"/videos/{one}/{mark}/../{mark}/salt"),
    ):
        assert (await served.get(wrong))[0] == 404, wrong


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
@pytest.mark.parametrize(("privacy", "life_s"), [("public", PUBLIC_LIFE_S), ("private", LIFE_S)])
async def test_an_address_ends_after_its_life(served: Served, privacy: str, life_s: int) -> None:
    urls = await served.urls(await served.video(privacy), served.owner)
    assert urls is not None
    served.now[0] += life_s
    assert await served.opens(urls.media)
    served.now[0] += life_s
    assert not await served.opens(urls.media)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_an_address_stays_the_same_for_a_while(served: Served) -> None:
    video_id = await served.video()
    served.now[0] = PUBLIC_LIFE_S * 10.0
    first = await served.urls(video_id, served.viewer)
    served.now[0] += PUBLIC_LIFE_S - 1
    assert await served.urls(video_id, served.viewer) == first
    assert await served.urls(video_id, None) != first


Change = Callable[[Served, VideoId], Awaitable[object]]


def _privacy(to: str) -> Change:
    return lambda served, video_id: served.database.execute("update video set privacy = $2 where id = $1", video_id, to)


async def _deleted(served: Served, video_id: VideoId) -> None:
    await served.database.execute("update video set state = 'deleted', deleted_at = now() where id = $1", video_id)


async def _gone(served: Served, video_id: VideoId) -> None:
    await served.database.execute("delete from video where id = $1", video_id)


async def _unfollowed(served: Served, _: VideoId) -> None:
    await served.database.execute("delete from follow where follower_id = $1", served.viewer)


OWNER, VIEWER, GUEST = "owner", "viewer", "guest"
ENDS: dict[str, tuple[str, Change, set[str]]] = {
    "deleted": ("public", _deleted, set()),
    "gone": ("public", _gone, set()),
    "made private": ("public", _privacy("private"), {OWNER}),
    "made for friends": ("public", _privacy("friends"), {OWNER, VIEWER}),
    "narrowed from friends": ("friends", _privacy("private"), {OWNER}),
    "a private account": ("public", lambda served, _: make_private(served.database, served.owner), {OWNER, VIEWER}),
    "a banned owner": ("public", lambda served, _: ban(served.database, served.owner), set()),
    "a deleted owner": ("public", lambda served, _: delete(served.database, served.owner), set()),
    "a banned viewer": ("public", lambda served, _: ban(served.database, served.viewer), {OWNER, GUEST}),
    "blocked": ("public", lambda served, _: block(served.database, served.owner, served.viewer), {OWNER, GUEST}),
    "blocking": ("public", lambda served, _: block(served.database, served.viewer, served.owner), {OWNER, GUEST}),
    "no friend any more": ("friends", _unfollowed, {OWNER}),
}
"""The privacy before, what changes, and who can still open the addresses that they had."""


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
@pytest.mark.parametrize("name", ENDS)
async def test_what_ends_an_address(served: Served, name: str) -> None:
    privacy, change, left = ENDS[name]
    await follow(served.database, served.viewer, served.owner)
    await follow(served.database, served.owner, served.viewer)
    video_id = await served.video(privacy)
    had = {
        who: urls
        for who, viewer_id in ((OWNER, served.owner), (VIEWER, served.viewer), (GUEST, None))
        if (urls := await served.urls(video_id, viewer_id)) is not None
    }
    assert set(had) == ({OWNER, VIEWER} if privacy == "friends" else {OWNER, VIEWER, GUEST})
    for who, urls in had.items():
        for url in urls:
            assert await served.opens(url), (who, url)
    await change(served, video_id)
    for who, urls in had.items():
        for url in urls:
            assert await served.opens(url) is (who in left), (who, url)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_the_addresses_of_a_story_end_with_it(served: Served) -> None:
    for hours, lasts in ((23, True), (25, False)):
        video_id = await served.video()
        await served.database.execute(
            "update video set story = true, created_at = now() - $2 * interval '1 hour' where id = $1", video_id, hours
        )
        video = (await seen_by_ids(served.database, served.owner, [video_id]))[video_id]
        for viewer_id, opens in ((None, lasts), (served.viewer, lasts), (served.owner, True)):
            folder = served.addresses.folder(msgspec.structs.replace(video, viewer_id=viewer_id))
            assert await served.opens(f"{folder}/media.mp4") is opens, (hours, viewer_id)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_an_address_does_not_open_another_video_that_gets_its_id(served: Served) -> None:
    video_id = await served.video()
    urls = await served.urls(video_id, None)
    assert urls is not None
    await served.database.execute("delete from video")
    again = await served.video()
    await served.database.execute("update video set id = $1 where id = $2", video_id, again)
    fresh = await served.urls(video_id, None)
    assert fresh is not None
    assert (await served.opens(fresh.media), await served.opens(urls.media)) == (True, False)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
@pytest.mark.parametrize("state", ["processing", "failed"])
async def test_only_the_owner_opens_what_is_not_ready(served: Served, state: str) -> None:
    video_id = await served.video(state=state)
    own = await served.urls(video_id, served.owner)
    assert own is not None
    assert await served.opens(own.poster)
    assert await served.urls(video_id, served.viewer) is None
    assert await served.urls(video_id, None) is None


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_the_copy_for_downloads_is_for_the_owner_once_others_may_not_download(served: Served) -> None:
    video_id = await served.video()
    for allowed in (True, False):
        await served.database.execute("update privacy_setting set videos_download = $1", allowed)
        for viewer_id in (served.owner, served.viewer, None):
            urls = await served.urls(video_id, viewer_id)
            assert urls is not None
            copy = urls.media.replace("/media.", "/watermarked.")
            assert await served.opens(copy) is (allowed or viewer_id == served.owner), (allowed, viewer_id)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_a_file_that_is_lost_or_not_there_yet_is_not_found(served: Served) -> None:
    video_id = await served.video()
    urls = await served.urls(video_id, None)
    assert urls is not None
    await served.database.execute("update video_content set small = ''")
    assert not await served.opens(urls.small)
    name = await served.database.fetchval("select media from video_content")
    await served.files.storage.delete(name)
    assert not await served.opens(urls.media)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_the_clips_of_the_demo_are_not_below_signed_addresses(served: Served) -> None:
    video_id = await served.video()
    urls = await served.urls(video_id, None)
    assert urls is not None
    await served.database.execute("update video_content set media = 'samples/clip.mp4'")
    assert not await served.opens(urls.media)
