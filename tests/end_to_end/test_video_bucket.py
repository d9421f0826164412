"""Videos in a bucket: processing reads the upload from there, apps are sent there, a deletion removes all files. While the
bucket is away, uploads are refused in words, and processing waits for it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av
import pytest
import pytest_asyncio

from api.contract.client import Client
from control_plane.storage.model import Storage, StorageUnavailable, is_private
from control_plane.storage.places import open_storage
from control_plane.videos.deletion import remove_deleted_videos
from tests.control_plane.pictures.clips import clip
from tests.control_plane.storage.conftest import new_bucket, s3
from tests.end_to_end.platform import Stagedoor, local
from tests.end_to_end.template import Template
from tests.end_to_end.video_upload import ask, fetch, post, processed
from tests.waiting import until

__all__ = ["s3"]

pytestmark = pytest.mark.timeout(180)


class Line:
    """The way to a server. It can be cut, and cuts itself when certain bytes are about to pass."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._listener: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._cut_at = b""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_cut(self) -> bool:
        return self._listener is None

    async def join(self) -> None:
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._cut_at = b""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for end in self._ends:
            end.transport.abort()

    def cut_at(self, content: bytes) -> None:
        self._cut_at = content

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(self._server.hostname, self._server.port)
        self._ends |= {writer, onward}
        with suppress(OSError):
            await asyncio.gather(self._pass(reader, onward, self._watched), self._pass(there, writer, lambda _: True))
        self._ends -= {writer, onward}

    def _watched(self, passing: bytes) -> bool:
        if self._cut_at and self._cut_at in passing:
            self.cut()
        return not self.is_cut

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may: Callable[[bytes], bool]
    ) -> None:
        last = b""
        while chunk := await reader.read(1 << 16):
            if not may(last + chunk):
                return
            last = chunk[-64:]
            writer.write(chunk)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def line_to(server: str) -> AsyncIterator[Line]:
    line = Line(server)
    await line.join()
    try:
        yield line
    finally:
        line.cut()


@dataclass(frozen=True, slots=True)
class Here:
    platform: Stagedoor
    line: Line
    bucket: Storage

    async def private(self) -> set[str]:
        """The files in the bucket that only signed addresses open: those of videos."""
        return {listed.name async for page in self.bucket.list() for listed in page if is_private(listed.name)}

    async def rows_of(self, content: bytes) -> tuple[int, ...]:
        """Of this upload: its contents, and its files that are in use."""
        async with self.platform.database() as connection:
            row = await connection.fetchrow(
                """select (select count(*) from video_content where sha256 = $1),
                    (select count(*) from stored_file where sha256 = $1 and state = 'kept')""",
                hashlib.sha256(content).digest(),
            )
            assert row is not None
            return tuple(row)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def here(template: Template, s3: str) -> AsyncIterator[Here]:
    url = new_bucket(s3)
    async with line_to(s3) as line, template.empty() as platform:
        platform.set(storage_url=url.replace(s3, line.url), deleted_video_hours="0")
        await platform.start()
        yield Here(platform, line, open_storage(url, platform.data_dir))


async def film(folder: Path, size: str) -> bytes:
    return (await clip(folder / "clip.mp4", size=size)).read_bytes()


async def test_a_video_is_in_the_bucket_until_it_is_deleted(here: Here, tmp_path: Path) -> None:
    platform, content = here.platform, await film(tmp_path, "1280x720")
    ada, ben = await platform.sign_in("ada"), await platform.sign_in("ben")
    before = await here.private()
    told = await processed(platform, ada, Client.IOS, content)
    assert told["state"] == "ready", told

    async def stored() -> list[str]:
        return sorted(Path(name).suffix for name in await here.private() - before)

    async def only_results() -> bool:
        return await stored() == [".gif", ".jpg", ".mp4", ".mp4"]

    await until(only_results, what="the upload is deleted")
    assert not (platform.data_dir / "media" / "private").exists()
    for viewer in (ben, ""):
        answer = await ask(platform, Client.ANDROID, "showVideoDetail", viewer, json={"video_id": told["id"]})
        shown = answer["msg"]["Video"]
        small = shown["video"].replace("/media.", "/small.")
        for url, kind in {shown["video"]: "video/mp4", small: "video/mp4", shown["thum"]: "image/jpeg"}.items():
            async with platform.session.get(local(url), allow_redirects=False) as response:
                assert response.status == 302
                assert response.headers["Location"].startswith(f"{here.line.url}/")
            whole = await fetch(platform, url, kind)
            async with platform.session.get(local(url), headers={"Range": "bytes=4-11"}) as response:
                assert (response.status, await response.read()) == (206, whole[4:12])
        with av.open(io.BytesIO(await fetch(platform, shown["video"], "video/mp4")), "r") as file:
            assert len(list(file.decode(video=0))) == 10
    assert (await ask(platform, Client.IOS, "deleteVideo", ada, json={"video_id": told["id"]}))["code"] == 200
    async with platform.session.get(local(shown["video"]), allow_redirects=False) as response:
        assert response.status == 404
    async with platform.database() as connection:
        await remove_deleted_videos.enqueue(connection)  # which else runs every ten minutes

    async def removed() -> bool:
        return await here.private() == before

    await until(removed, what="the files of the deleted video are removed")
    status, output = await platform.command("storage", "check", "--json")
    assert status == 0, output
    report = json.loads(output)
    assert (report["strays"], report["missing"]) == ([], [])


async def test_an_upload_is_refused_when_the_bucket_goes_away(here: Here, tmp_path: Path) -> None:
    platform, content = here.platform, await film(tmp_path, "320x180")
    ada = await platform.sign_in("ada")
    before = await here.private()
    half = len(content) // 2
    here.line.cut_at(content[half : half + 32])
    for away in ("while the upload is stored", "before"):
        answer = await post(platform, ada, Client.ANDROID, content)
        assert (answer["code"], answer["msg"]) == (500, str(StorageUnavailable())), away
        assert here.line.is_cut
        assert await here.rows_of(content) == (0, 0)
        assert await here.private() == before
        assert list((platform.data_dir / "uploads").iterdir()) == []
    await here.line.join()
    assert (await processed(platform, ada, Client.ANDROID, content))["state"] == "ready"


async def test_processing_waits_for_a_bucket_that_goes_away(here: Here, tmp_path: Path) -> None:
    platform, content = here.platform, await film(tmp_path, "640x360")
    ada = await platform.sign_in("ada")

    async def away(cut_at: bytes) -> None:
        platform.forget_log()
        here.line.cut_at(cut_at)
        await until(lambda: here.line.is_cut, 30, what=f"{cut_at.decode()} goes through the line")
        await until(lambda: "storage_failed" in platform.log, 30, what="the job fails")
        await here.line.join()

    async def twice_away() -> None:
        await away(b"GET /")  # of the upload, by the job
        await away(b"PUT /")  # of what it has made

    told, _ = await asyncio.gather(processed(platform, ada, Client.IOS, content), twice_away())
    assert (told["state"], told["failure"]) == ("ready", "")
    answer = await ask(platform, Client.IOS, "showVideoDetail", json={"video_id": told["id"]})
    assert (await fetch(platform, answer["msg"]["Video"]["video"], "video/mp4"))[4:8] == b"ftyp"
