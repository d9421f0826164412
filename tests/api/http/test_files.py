"""Files over HTTP, from a folder and from a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDictProxy
from yarl import URL

from api.http.files import FileRoutes
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.storage import store
from control_plane.storage.addresses import LIFE_S, Addresses
from control_plane.storage.bundle import Stored
from control_plane.storage.files import Files
from control_plane.storage.model import FileName, Storage
from control_plane.storage.space import Space
from tests.control_plane.storage.conftest import s3, storage

__all__ = ["s3", "storage"]

CONTENT = bytes(range(256)) * 10
KEYS = Keyring((Secret("a", b"a" * 32),))


class Served(NamedTuple):
    client: TestClient[web.Request, web.Application]
    files: Files
    addresses: Addresses
    database: Database
    folder: Path
    now: list[float]

    async def get(self, path: str, *, follow: bool = True, **headers: str) -> tuple[int, bytes, CIMultiDictProxy[str]]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(path, headers=sent, allow_redirects=follow) as response:
            return response.status, await response.read(), response.headers

    async def private(self, content: bytes = CONTENT) -> tuple[FileName, str]:
        """A private file that is in use, and its address."""
        name = await self.files.add("documents", content, "mp4", owner=None, public=False)
        async with self.database.transaction() as connection:
            await self.files.use(connection, f"test/{name}", [name])
        row = await store.by_name(self.database, name)
        assert row is not None
        return name, self.addresses.path(name, row.salt)


@pytest.fixture
async def served(files: Files, database: Database, tmp_path: Path) -> AsyncIterator[Served]:
    now = [1_000_000.0]
    addresses = Addresses(KEYS, lambda: now[0])
    app = web.Application()
    app.add_routes(FileRoutes(tmp_path / "media", Stored(files, addresses, Space(tmp_path, 0)), database).routes())
    async with TestClient(TestServer(app)) as client:
        yield Served(client, files, addresses, database, tmp_path / "media", now)


@pytest.fixture
def files(storage: Storage, database: Database) -> Files:
    return Files(storage, database)


async def test_a_public_file_is_read_in_whole_and_in_ranges(served: Served) -> None:
    name = await served.files.add("clips", CONTENT, "mp4", owner=None)
    status, body, headers = await served.get(f"/media/{name}")
    assert (status, body, headers["Content-Type"]) == (200, CONTENT, "video/mp4")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Content-Disposition" not in headers
    status, body, headers = await served.get(f"/media/{name}", Range="bytes=10-19")
    assert (status, body) == (206, CONTENT[10:20])
    status, body, _ = await served.get(f"/media/{name}", Range="bytes=-5")
    assert (status, body) == (206, CONTENT[-5:])


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_a_file_of_the_folder_has_validators(served: Served) -> None:
    name = await served.files.add("clips", CONTENT, "mp4", owner=None)
    _, _, headers = await served.get(f"/media/{name}")
    etag, modified = headers["ETag"], headers["Last-Modified"]
    assert (await served.get(f"/media/{name}", If_None_Match=etag))[0] == 304
    assert (await served.get(f"/media/{name}", If_Modified_Since=modified))[0] == 304
    for unchanged in (modified, etag):
        status, body, _ = await served.get(f"/media/{name}", Range="bytes=0-9", If_Range=unchanged)
        assert (status, body) == (206, CONTENT[:10])
    for changed in ("Thu, 01 Jan 1970 00:00:00 GMT", '"other"'):
        status, body, _ = await served.get(f"/media/{name}", Range="bytes=0-9", If_Range=changed)
        assert (status, body) == (200, CONTENT)
    assert (await served.get(f"/media/{name}", Range="bytes=99999-"))[0] == 416
    for ignored in ("bytes=0-1,4-5", "lines=1-2", "bytes"):
        assert (await served.get(f"/media/{name}", Range=ignored))[:2] == (200, CONTENT), ignored
    async with served.client.head(f"/media/{name}") as response:
        assert (response.status, response.headers["Content-Length"]) == (200, str(len(CONTENT)))


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
async def test_what_is_no_picture_video_or_sound_is_saved_and_not_shown(served: Served) -> None:
    for extension in ("html", "svg", "js", "bin"):
        name = await served.files.add("documents", f"<script>{extension}".encode(), extension, owner=None)
        assert (await served.get(f"/media/{name}"))[2]["Content-Disposition"] == "attachment"


async def test_only_public_files_are_below_media(served: Served, tmp_path: Path) -> None:
    private, _ = await served.private()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    samples = served.folder / "samples"
    samples.mkdir(parents=True)
    (samples / "clip.gif").write_bytes(b"GIF89a")
    (samples / ".hidden.gif").write_bytes(b"hidden")
    (samples / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (served.folder / "other.jpg").write_bytes(b"not of the store")
    assert (await served.get("/media/samples/clip.gif"))[:2] == (200, b"GIF89a")
    for path in (
        *(private, private.replace("private", "Private"), private.replace("private/", "private//")),
        *("other.jpg", "samples", "samples/", "samples/.hidden.gif", "samples/link.jpg", "samples/none.gif"),
        *("samples/../../secret.jpg", "samples/%2e%2e/%2e%2e/secret.jpg", "..%2f..%2fsecret.jpg", "%2fetc/passwd"),
        *("samples%5c..%5csecret.jpg", "samples/clip.gif%00", "samples/clip.gif/x"),
        f"samples/../{private}",
    ):
        assert (await served.get(f"/media/{path}"))[0] == 404, path


async def test_a_private_file_needs_its_signed_address(served: Served) -> None:
    name, address = await served.private()
    status, body, headers = await served.get(address)
    assert (status, body) == (200, CONTENT)
    assert headers["Cache-Control"] == "private, no-store"
    assert (await served.get(address, Range="bytes=1-2"))[:2] == (206, CONTENT[1:3])
    _, _, headers = await served.get(address, follow=False)
    assert headers["Cache-Control"] == "private, no-store"
    other, _ = await served.private(b"other")
    path, _, query = address.partition("?")
    for wrong in (
        *(path, f"{path}?", address[:-1], address[:-1] + ("A" if address[-1] != "A" else "B"), address + "A"),
        *(
            f"/files/{other}?{query}",
            address.replace("expires=", "expires=9"),
            address.replace("expires=", "expires=x"),
        ),
        *(
            f"{path}?expires={'9' * 5000}&signature=a",
            f"{path}?signature=%F0%9F%92%A9&expires=²",
            f"/media/{name}?{query}",
        ),
        "/files/pictures/ab/" + "a" * 64 + f".jpg?{query}",
    ):
        assert (await served.get(wrong))[0] == 404, wrong


async def test_an_address_ends_in_minutes(served: Served) -> None:
    _, address = await served.private()
    served.now[0] += LIFE_S
    assert (await served.get(address))[0] == 200
    served.now[0] += LIFE_S
    assert (await served.get(address))[0] == 404


async def test_a_change_of_privacy_and_a_deletion_end_the_address(served: Served) -> None:
    name, address = await served.private()
    async with served.database.transaction() as connection:
        await store.end_addresses(connection, f"test/{name}")
    assert (await served.get(address))[0] == 404
    row = await store.by_name(served.database, name)
    assert row is not None
    address = served.addresses.path(name, row.salt)
    assert (await served.get(address))[0] == 200
    async with served.database.transaction() as connection:
        await served.files.use(connection, f"test/{name}", [])
    assert (await served.get(address))[0] == 404, "before any job has run"


async def test_while_the_database_is_away_private_files_wait(served: Served) -> None:
    _, address = await served.private()
    await served.database.close()
    status, _, headers = await served.get(address)
    assert (status, headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
async def test_a_bucket_is_reached_by_a_redirect_that_may_be_cached(served: Served) -> None:
    name = await served.files.add("clips", CONTENT, "mp4", owner=None)
    status, _, headers = await served.get(f"/media/{name}", follow=False)
    assert (status, headers["Cache-Control"]) == (302, "public, max-age=3600")
    assert headers["Location"].startswith(served.files.storage.origin)


@pytest.mark.parametrize("storage", ["s3"], indirect=True)
async def test_a_private_file_of_a_bucket_has_a_signed_address_of_two_minutes(served: Served) -> None:
    name, address = await served.private()
    _, _, headers = await served.get(address, follow=False)
    signed = URL(headers["Location"])
    assert signed.path.endswith(name)
    assert signed.query["X-Amz-Expires"] == "120"
    async with ClientSession() as session:
        async with session.get(signed) as response:
            assert (response.status, await response.read()) == (200, CONTENT)
            assert response.headers["Cache-Control"] == "private, no-store"
        async with session.get(signed.with_query(None)) as response:
            assert response.status == 403
    await served.files.storage.delete(name)
    assert (await served.get(address))[0] == 404
