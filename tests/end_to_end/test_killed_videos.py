"""PostgreSQL or the whole server is killed at a step of the work on a video: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from control_plane.db.embedded import running_dsn
from control_plane.db.pool import open_pool
from control_plane.storage.files import Files
from control_plane.storage.model import PRIVATE
from control_plane.storage.places import open_storage
from tests.control_plane.pictures.clips import clip
from tests.control_plane.videos.processing.stops import PROCESSING, UPLOADING
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.stopping import kill, stopping
from tests.end_to_end.template import Template
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

HEAD = b'--b\r\nContent-Disposition: form-data; name="video"; filename="v.mp4"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"
FORM = "multipart/form-data; boundary=b"
ALL = os.environ.get("VIDEO_KILLS") == "all"
_UNFINISHED = """
    select id from pgqueuer where status <> 'failed' and entrypoint in
        ('process_content', 'tell_of_post', 'push_to_followers', 'tell_all_followers', 'delete_file')
"""
_USED = "select name from file_use join stored_file on stored_file.id = file_id where used_by like $1"
_CONTENTS = "select * from video_content where sha256 is not null and id > $1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stopped_platform(template: Template) -> AsyncIterator[Stagedoor]:
    async with template.stopped() as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def platform(stopped_platform: Stagedoor) -> AsyncIterator[Stagedoor]:
    """Started by the test, with what earlier ones have left."""
    yield stopped_platform
    await stopped_platform.stop()


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return asyncio.run(clip(tmp_path_factory.mktemp("clips") / "clip.mp4", size="1280x720", seconds=2)).read_bytes()


class Case:
    """An owner, a follower and an upload."""

    def __init__(self, platform: Stagedoor, content: bytes) -> None:
        self.platform = platform
        self.name = secrets.token_hex(4)
        self.upload = content + struct.pack(">I4s8s", 16, b"free", self.name.encode())  # equal to no other
        self.owner = self.follower = ""
        self.last_content = 0
        """Of what was there before."""

    async def begin(self) -> None:
        self.owner, self.follower = await asyncio.gather(
            *(self.platform.sign_in(f"{who}{self.name}") for who in ("owner", "follower"))
        )
        owner = (await self.platform.done("api/showUserDetail", self.owner))["User"]["id"]
        await self.platform.call("api/followUser", self.follower, receiver_id=owner)
        self.last_content = await self.value("select coalesce(max(id), 0) from video_content") or 0

    async def post(self) -> int:
        """Returns the code of the answer."""
        form = aiohttp.FormData()
        form.add_field("video", self.upload, filename="video.mp4", content_type="video/mp4")
        return await self.send(form, {})

    async def try_again(self) -> None:
        """As the phone does: a call that gets a connection which died with the database fails once."""

        async def is_taken() -> bool:
            return await self.post() == 200

        await until(is_taken, 30, what="the upload")

    async def send(self, form: aiohttp.FormData | AsyncIterator[bytes], headers: dict[str, str]) -> int:
        headers = {"Auth-Token": self.owner, **headers}
        url = self.platform.url("/api/postVideo")
        async with self.platform.session.post(url, data=form, headers=headers) as response:
            code: int = (await response.json(content_type=None))["code"]
            return code

    async def told(self, token: str) -> list[tuple[str, int]]:
        """The entries about videos in the inbox, the oldest first."""
        entries = [entry["Notification"] for entry in await self.platform.done("api/showAllNotifications", token)]
        return sorted((entry["type"], entry["video_id"]) for entry in entries if entry["type"].startswith("video_"))

    async def value(self, statement: str, *values: object) -> Any:
        rows = await self.rows(statement, *values)
        return rows[0][0] if rows else None

    async def rows(self, statement: str, *values: object) -> list[asyncpg.Record]:
        dsn = running_dsn(self.platform.data_dir)
        assert dsn is not None
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def is_over(self) -> bool:
        return not await self.rows(_UNFINISHED)

    async def night(self) -> None:
        """The nightly job finds what was left behind, or deletes what it has found the night before."""
        media = self.platform.data_dir / "media"
        for part in media.rglob("*#*"):
            os.utime(part, (0, 0))
        await self.rows("update stored_file set changed_at = now() - interval '2 days' where state <> 'kept'")
        dsn = running_dsn(self.platform.data_dir)
        assert dsn is not None
        database = await open_pool(dsn, 2)
        try:
            await Files(open_storage("", media), database).finish()
        finally:
            await database.close()
        await until(self.is_over, 30, what="the deletion of files")

    async def check(self) -> None:
        """The videos of the upload are ready, once each. Their files are the only ones."""
        await until(self.is_over, 60, what="the end of the work")
        contents = await self.rows(_CONTENTS, self.last_content)
        assert [(row["state"], row["original"], row["failure"]) for row in contents] == [("ready", "", "")]
        (content,) = contents
        videos = await self.rows(
            "select id, state, user_id from video where content_id = $1 order by id", content["id"]
        )
        assert {row["state"] for row in videos} == {"ready"}
        assert await self.told(self.follower) == [("video_new_post", row["id"]) for row in videos]
        assert await self.told(self.owner) == []
        for _ in range(2):
            await self.night()
        used = {content[name] for name in ("media", "small", "poster", "preview")}
        assert len(used) == 4
        kept = await self.rows(_USED, f"video_content/{content['id']}/%")
        assert {row["name"] for row in kept} == used
        assert not await self.rows("select name from stored_file where state <> 'kept'"), "the nightly job deletes them"
        rows = await self.rows("select name from stored_file where not public")
        media = self.platform.data_dir / "media"
        on_disk = {str(file.relative_to(media)) for file in (media / PRIVATE).rglob("*") if file.is_file()}
        assert on_disk == {row["name"] for row in rows}
        assert not list((self.platform.data_dir / "processing").glob("*"))


async def begun(platform: Stagedoor, content: bytes, step: str = "") -> tuple[Case, Path]:
    """A platform that will stop at the step. Returns the file that tells of it, too."""
    case, reached = Case(platform, content), stopping(platform, step)
    await platform.start()
    await case.begin()
    return case, reached


@pytest.mark.parametrize(
    ("killed", "step"),
    [(killed, step) for killed in ("database", "server") for step in PROCESSING] if ALL else [("server", "stored 1")],
)
async def test_a_video_is_made_once(platform: Stagedoor, content: bytes, killed: str, step: str) -> None:
    case, reached = await begun(platform, content, step)
    assert await case.post() == 200
    await kill(platform, killed, reached)
    await case.check()


@pytest.mark.parametrize(
    ("killed", "step"),
    [(killed, step) for killed in ("database", "server") for step in UPLOADING]
    if ALL
    else [("database", "original used")],
)
async def test_an_upload_is_there_or_tried_again(platform: Stagedoor, content: bytes, killed: str, step: str) -> None:
    case, reached = await begun(platform, content, step)
    posting = asyncio.create_task(case.post())
    await kill(platform, killed, reached)
    (answered,) = await asyncio.gather(posting, return_exceptions=True)
    if answered != 200:
        await case.try_again()
    await case.check()


@pytest.mark.skipif(not ALL, reason="one of the long tests: make rehearse")
async def test_a_form_that_arrives_while_the_database_is_killed_is_taken_or_tried_again(
    platform: Stagedoor, content: bytes
) -> None:
    case, reached = await begun(platform, content)
    back = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        half = len(case.upload) // 2
        yield HEAD + case.upload[:half]
        reached.touch()
        await back.wait()
        yield case.upload[half:] + TAIL

    posting = asyncio.create_task(case.send(parts(), {"Content-Type": FORM}))
    await kill(platform, "database", reached)
    back.set()
    if await posting != 200:
        await case.try_again()
    await case.check()
