"""Uploads in parts, by requests as the protocol describes them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import time
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.videos.uploads.model import ResumableUpload, UploadElsewhere, UploadMissing, UploadUnfinished
from tests.api.whole import Whole, whole
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban
from tests.waiting import until

CONTENT = bytes(range(256)) * 20_000
"""5 MB."""
TUS = {"Tus-Resumable": "1.0.0"}
PART = {"Content-Type": "application/offset+octet-stream"}


class Person:
    def __init__(self, served: Whole, user_id: UserId, token: str) -> None:
        self.served = served
        self.user_id = user_id
        self.headers = {"Authorization": f"Bearer {token}"}

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] = {}, data: Any = None
    ) -> tuple[int, Mapping[str, str]]:
        async with self.served.client.request(
            method, path, headers={**TUS, **self.headers, **headers}, data=data
        ) as response:
            await response.read()
            return response.status, response.headers

    async def begin(self, size: int = len(CONTENT), name: str = "clip.mp4") -> str:
        """Returns the path of the upload."""
        metadata = f"filename {base64.b64encode(name.encode()).decode()}"
        status, headers = await self.ask("POST", "/uploads", {"Upload-Length": str(size), "Upload-Metadata": metadata})
        assert status == 201
        return URL(headers["Location"]).path

    async def send(self, path: str, offset: int, content: bytes) -> int:
        status, _ = await self.ask("PATCH", path, {**PART, "Upload-Offset": str(offset)}, io.BytesIO(content))
        return status

    async def offset(self, path: str) -> int:
        status, headers = await self.ask("HEAD", path)
        assert (status, headers["Cache-Control"]) == (200, "no-store")
        return int(headers["Upload-Offset"])

    async def taken(self, path: str) -> tuple[bytes, ResumableUpload]:
        async with self.served.platform.videos.resumable.taken(self.user_id, path.rpartition("/")[2]) as (file, upload):
            return file.read_bytes(), upload

    @property
    def files(self) -> list[Path]:
        folder = self.served.platform.settings.resumable_dir
        return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
async def ann(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Person]:
    async with whole(dsn, database, tmp_path, upload_limit=10 << 20) as served:
        yield await person(served, "ann")


async def person(served: Whole, name: str) -> Person:
    user_id = await new_user(served.database, name)
    return Person(served, user_id, await served.platform.accounts.sessions.issue(user_id))


async def test_an_upload_goes_on_where_it_stopped(ann: Person) -> None:
    path = await ann.begin()
    assert await ann.send(path, 0, CONTENT[:1000]) == 204
    assert await ann.offset(path) == 1000
    with pytest.raises(UploadUnfinished):
        await ann.taken(path)
    assert await ann.send(path, 0, CONTENT[:10]) == 409
    assert await ann.send(path, 1000, CONTENT[1000:]) == 204
    content, upload = await ann.taken(path)
    assert (content, upload.sha256) == (CONTENT, hashlib.sha256(CONTENT).digest())
    assert ann.files == []
    assert (upload.name, upload.size) == ("clip.mp4", len(CONTENT))


async def test_what_arrived_before_the_client_left_is_kept(ann: Person) -> None:
    path = await ann.begin()
    reader, writer = await asyncio.open_connection("127.0.0.1", ann.served.client.port)
    head = {
        **TUS,
        **PART,
        **ann.headers,
        "Host": "localhost",
        "Upload-Offset": "0",
        "Content-Length": str(len(CONTENT)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"PATCH {path} HTTP/1.1\r\n{lines}\r\n".encode() + CONTENT[:3_000_000])
    await writer.drain()
    await until(lambda: asyncio.sleep(0, ann.files[0].stat().st_size >= 2_000_000), what="most of it is written")
    writer.transport.abort()
    offset = await ann.offset(path)
    assert 2_000_000 <= offset <= 3_000_000
    assert await ann.send(path, offset, CONTENT[offset:]) == 204
    assert ann.files[0].read_bytes() == CONTENT
    del reader


async def test_another_connection_takes_over(ann: Person) -> None:
    path = await ann.begin()
    arrived = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield CONTENT[:1000]
        await arrived.wait()

    first = asyncio.create_task(
        ann.ask("PATCH", path, {**PART, "Upload-Offset": "0", "Content-Length": str(len(CONTENT))}, slowly())
    )
    holders = ann.served.platform.videos.resumable._holders
    await until(lambda: asyncio.sleep(0, any(holder.lock.locked() for holder in holders.values())), what="it writes")
    assert await ann.offset(path) in (0, 1000)
    offset = await ann.offset(path)
    assert await ann.send(path, offset, CONTENT[offset:]) == 204
    arrived.set()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert ann.files[0].read_bytes() == CONTENT
    assert not holders


async def test_of_three_connections_one_writes_at_a_time(ann: Person) -> None:
    path = await ann.begin()
    resumable = ann.served.platform.videos.resumable
    upload = await resumable.find(ann.user_id, path.rpartition("/")[2])
    writing: list[int] = []

    async def part(number: int, go_on: asyncio.Event) -> AsyncIterator[bytes]:
        writing.append(number)
        yield CONTENT[:1000]
        await go_on.wait()

    later = asyncio.Event()
    first = asyncio.create_task(resumable.append(upload, 0, part(1, later)))
    await until(lambda: asyncio.sleep(0, 1 in writing), what="the first one writes")
    second, third = (asyncio.create_task(resumable.offset(upload)) for _ in range(2))
    fourth = asyncio.create_task(resumable.append(upload, 1000, part(4, later)))
    assert list(await asyncio.gather(first, second, third)) == [1000, 1000, 1000]
    await until(lambda: asyncio.sleep(0, 4 in writing), what="the fourth one writes")
    fifth = asyncio.create_task(resumable.append(upload, 1000, part(5, later)))
    with pytest.raises(UploadElsewhere):
        await fifth
    assert await fourth == 2000
    assert ann.files[0].read_bytes() == CONTENT[:1000] * 2
    assert not resumable._holders


async def test_a_deletion_waits_for_the_call_that_uses_the_upload(ann: Person) -> None:
    path = await ann.begin(4)
    assert await ann.send(path, 0, b"abcd") == 204
    resumable = ann.served.platform.videos.resumable
    async with resumable.taken(ann.user_id, path.rpartition("/")[2]) as (file, upload):
        deleting = asyncio.create_task(ann.ask("DELETE", path))
        again = asyncio.create_task(ann.taken(path))
        await until(
            lambda: asyncio.sleep(0, resumable._holders[upload.id].connections == 3), what="both wait for the upload"
        )
        assert file.read_bytes() == b"abcd"
        async with ann.served.database.transaction() as connection:
            await resumable.use(connection, upload)
    assert (await deleting)[0] == 404
    with pytest.raises(UploadMissing):
        await again
    assert ann.files == []


async def test_a_part_is_refused_while_the_disk_is_nearly_full(ann: Person) -> None:
    path = await ann.begin()
    with pytest.MonkeyPatch.context() as full:
        full.setattr(ann.served.platform.stored.space, "_reserve", 1 << 60)
        assert await ann.send(path, 0, CONTENT) == 503
    assert await ann.send(path, 0, CONTENT) == 204


async def test_a_client_that_cannot_patch_overrides_the_method(ann: Person) -> None:
    path = await ann.begin(4)
    override = {**PART, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await ann.ask("POST", path, override, b"abcd"))[0] == 204
    assert (await ann.ask("POST", path, {"X-HTTP-Method-Override": "DELETE"}))[0] == 204
    assert (await ann.ask("HEAD", path))[0] == 404
    assert ann.files == []


async def test_the_first_part_may_come_with_the_creation(ann: Person) -> None:
    status, headers = await ann.ask("POST", "/uploads", {**PART, "Upload-Length": "4"}, b"ab")
    assert (status, headers["Upload-Offset"]) == (201, "2")
    expires = parsedate_to_datetime(headers["Upload-Expires"])
    assert 23 < (expires - utc_now()).total_seconds() / 3600 <= 24


async def test_what_the_server_can_do_is_described_to_everybody(ann: Person) -> None:
    async with ann.served.client.options("/uploads") as response:
        assert response.status == 204
        assert response.headers["Tus-Version"] == "1.0.0"
        assert response.headers["Tus-Extension"] == "creation,creation-with-upload,termination,expiration"
        assert response.headers["Tus-Max-Size"] == str(10 << 20)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "4", "Tus-Resumable": "0.2.2"}, 412),
        ({}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Length": str((10 << 20) + 1)}, 413),
        ({"Upload-Length": "4", "Upload-Metadata": "filename ???"}, 400),
        ({"Upload-Length": "4", "Authorization": "Bearer a.b.c"}, 401),
    ],
)
async def test_a_wrong_creation_is_refused_and_leaves_nothing(
    ann: Person, headers: Mapping[str, str], status: int
) -> None:
    assert (await ann.ask("POST", "/uploads", headers))[0] == status
    assert ann.files == []
    assert await ann.served.database.fetchval("select count(*) from upload") == 0


async def test_a_wrong_part_changes_nothing(ann: Person) -> None:
    path = await ann.begin(4)
    assert (await ann.ask("PATCH", path, {"Upload-Offset": "0", "Content-Type": "text/plain"}, b"ab"))[0] == 415
    assert (await ann.ask("PATCH", path, PART, b"ab"))[0] == 400
    assert (await ann.ask("PATCH", path, {**PART, "Upload-Offset": "0", "Content-Encoding": "gzip"}, b"ab"))[0] == 415
    assert await ann.send(path, 2, b"ab") == 409
    assert await ann.send(path, 0, b"abcde") == 409
    assert await ann.offset(path) == 0
    for odd in ("0" * 32, "%00", "%ff", "a" * 4000):
        assert (await ann.ask("HEAD", f"/uploads/{odd}"))[0] == 404


async def test_an_upload_is_its_owners_alone(ann: Person) -> None:
    path = await ann.begin(4)
    ben = await person(ann.served, "ben")
    assert (await ben.ask("HEAD", path))[0] == 404
    assert await ben.send(path, 0, b"abcd") == 404
    assert (await ben.ask("DELETE", path))[0] == 404
    assert await ann.send(path, 0, b"abcd") == 204
    with pytest.raises(UploadMissing):
        await ben.taken(path)


async def test_a_user_has_few_open_uploads(ann: Person) -> None:
    for _ in range(5):
        path = await ann.begin(4)
    assert (await ann.ask("POST", "/uploads", {"Upload-Length": "4"}))[0] == 429
    assert (await ann.ask("DELETE", path))[0] == 204
    await ann.begin(4)


async def test_an_upload_that_its_user_has_left_gives_way_to_a_new_one(ann: Person) -> None:
    paths = [await ann.begin(4) for _ in range(5)]
    ids = [path.rpartition("/")[2] for path in paths]
    assert await ann.send(paths[1], 0, b"abcd") == 204
    for number, minutes in ((1, 20), (3, 10), (4, 4)):
        at = time.time() - 60 * minutes
        os.utime(ann.served.platform.settings.resumable_dir / ids[number], (at, at))
    async with ann.served.platform.videos.resumable.taken(ann.user_id, ids[1]):  # it is being posted
        new = await ann.begin(4)
    assert {file.name for file in ann.files} == {ids[0], ids[2], ids[4], new.rpartition("/")[2]}
    assert (await ann.ask("HEAD", paths[3]))[0] == 404
    for _ in range(2):
        status, _ = await ann.ask("POST", "/uploads", {"Upload-Length": "4"})
    assert status == 429


async def test_who_is_not_signed_in_uploads_nothing(ann: Person) -> None:
    path, ben = await ann.begin(4), await person(ann.served, "ben")
    bens = await ben.begin(4)
    token = ann.headers["Authorization"].removeprefix("Bearer ")
    of_another_site = {"Cookie": f"stagedoor={token}", "Origin": "https://evil.example"}
    await ban(ann.served.database, ben.user_id)
    await ann.served.platform.accounts.sessions.revoke_all(ben.user_id)
    for headers, one, refused in (
        ({}, path, 401),
        ({"Authorization": "Bearer x"}, path, 401),
        (of_another_site, path, 403),
        (ben.headers, bens, 401),
    ):
        nobody = Person(ann.served, ann.user_id, "")
        nobody.headers = dict(headers)
        assert (await nobody.ask("POST", "/uploads", {"Upload-Length": "4"}))[0] == refused
        assert (await nobody.ask("HEAD", one))[0] == refused
        assert await nobody.send(one, 0, b"abcd") == refused
        assert (await nobody.ask("DELETE", one))[0] == refused
    assert await ann.offset(path) == 0


async def test_an_upload_expires_with_its_file(ann: Person) -> None:
    path, other = await ann.begin(4), await ann.begin(4)
    await ann.served.database.execute(
        "update upload set expires_at = now() - interval '1 second' where id = $1", path.rpartition("/")[2]
    )
    assert (await ann.ask("HEAD", path))[0] == 404
    assert await ann.send(path, 0, b"abcd") == 404
    await ann.served.platform.videos.resumable.expire()
    assert [file.name for file in ann.files] == [other.rpartition("/")[2]]


async def test_a_file_without_its_row_is_deleted_once_it_is_old(ann: Person) -> None:
    """The server was killed between the two."""
    path = await ann.begin(4)
    await ann.served.database.execute("delete from upload")
    resumable = ann.served.platform.videos.resumable
    await resumable.expire()
    assert len(ann.files) == 1
    os.utime(ann.files[0], (0, 0))
    await resumable.expire()
    assert ann.files == []
    del path
