"""The storage port, over a folder and over an S3 server."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from control_plane.config.declare import InvalidSettings
from control_plane.storage.model import FileMissing, FileName, Storage, StorageUnavailable, private_name, public_name
from control_plane.storage.places import Bucket, Folder, open_storage
from tests.control_plane.storage.conftest import new_bucket
from tests.waiting import until

NAME = public_name("pictures", bytes(32), "jpg")
OTHER = private_name("mp4")
LARGE = bytes(range(256)) * 80_000  # 20 MB: several parts
NO_LINKS = "def no_links(*_): raise OSError\nPath.hardlink_to = no_links\n"
"""For a script: files are copied, as from another disk."""


async def content(storage: Storage, name: FileName, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in storage.read(name, start, end)])


async def names(storage: Storage) -> set[str]:
    return {file.name async for page in storage.list() for file in page}


async def test_a_file_is_stored_read_listed_and_deleted(storage: Storage, tmp_path: Path) -> None:
    await storage.put(NAME, b"hello")
    (tmp_path / "large").write_bytes(LARGE)
    await storage.put(OTHER, tmp_path / "large")
    assert await content(storage, NAME) == b"hello"
    assert await content(storage, NAME, 1, 3) == b"el"
    assert await content(storage, OTHER) == LARGE
    assert await content(storage, OTHER, len(LARGE) - 2) == LARGE[-2:]
    assert (await storage.size(NAME), await storage.size(OTHER)) == (5, len(LARGE))
    assert await names(storage) == {NAME, OTHER}
    await storage.put(NAME, b"again")
    assert await content(storage, NAME) == b"again"
    for _ in range(2):  # the second time it is gone already
        await storage.delete(NAME)
    assert await names(storage) == {OTHER}
    assert await storage.size(NAME) is None
    with pytest.raises(FileMissing):
        await content(storage, NAME)


async def test_the_folders_of_samples_and_thumbnails_are_not_in_storage(tmp_path: Path) -> None:
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / "thumbnails" / "1.jpg").write_bytes(b"x")
    assert await names(Folder(tmp_path)) == set()


async def test_a_signed_url_of_a_bucket_opens_the_file_with_its_type(s3: str) -> None:
    bucket = Bucket(new_bucket(s3))
    await bucket.put(NAME, b"picture")

    url = await bucket.signed_url(NAME, dt.timedelta(minutes=1))

    def fetch() -> tuple[bytes, str | None, str | None]:
        with urllib.request.urlopen(url) as answer:
            return answer.read(), answer.headers["Content-Type"], answer.headers["Cache-Control"]

    assert await asyncio.to_thread(fetch) == (b"picture", "image/jpeg", "public, max-age=31536000, immutable")


async def test_a_file_of_the_same_disk_is_linked(tmp_path: Path) -> None:
    storage = Folder(tmp_path / "media")
    await storage.put(NAME, b"before")
    (tmp_path / "large").write_bytes(LARGE)
    await storage.put(NAME, tmp_path / "large")
    assert (tmp_path / "media" / NAME).samefile(tmp_path / "large")
    (tmp_path / "large").unlink()
    assert await storage.size(NAME) == len(LARGE)
    assert await storage.sweep(dt.timedelta(0)) == 0


async def test_a_killed_writer_leaves_no_half_file(tmp_path: Path) -> None:
    source, folder = tmp_path / "large", tmp_path / "media"
    with source.open("wb") as file:
        file.truncate(4 << 30)  # sparse: reading it takes longer than the kill
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom control_plane.storage.places import Folder\n"
        + NO_LINKS
        + f"asyncio.run(Folder(Path({str(folder)!r})).put({NAME!r}, Path({str(source)!r})))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    await until(lambda: any(file.is_file() for file in folder.rglob("*")))
    process.kill()
    await process.wait()
    storage = Folder(folder)
    assert await storage.size(NAME) is None
    assert await names(storage) == set()
    assert await storage.sweep(dt.timedelta(hours=1)) == 0, "it could still be written"
    assert await storage.sweep(dt.timedelta(0)) == 1
    assert not any(file.is_file() for file in folder.rglob("*"))


@asynccontextmanager
async def deaf() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_bucket_that_does_not_answer_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    async with deaf() as silent:
        for endpoint in (silent, "http://127.0.0.1:9"):
            url = f"s3://bucket?endpoint={endpoint}&region=x&access_key_id=key&secret_access_key=hidden"
            storage = Bucket(url, deadline_s=0.5)
            for work in (
                storage.put(NAME, b"x"),
                storage.delete(NAME),
                storage.size(NAME),
                content(storage, NAME),
                names(storage),
            ):
                with pytest.raises(StorageUnavailable):
                    await work
    assert "storage_failed" in caplog.text
    assert "hidden" not in caplog.text


async def test_a_bucket_that_is_not_there_is_unavailable(s3: str) -> None:
    url = new_bucket(s3).replace("bucket-", "no-bucket-")
    with pytest.raises(StorageUnavailable):
        await Bucket(url).put(NAME, b"x")


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    storage = Folder(tmp_path)
    (tmp_path / "pictures").write_bytes(b"a file where the folder must be")
    with pytest.raises(StorageUnavailable):
        await storage.put(NAME, b"x")


async def test_a_full_disk_is_unavailable_and_leaves_no_file(tmp_path: Path) -> None:
    script = (
        "import asyncio, resource, sys\nfrom pathlib import Path\nfrom control_plane.storage.places import Folder\n"
        + NO_LINKS
        + "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "from control_plane.storage.model import StorageUnavailable\n"
        f"storage = Folder(Path({str(tmp_path / 'media')!r}))\n"
        "async def main():\n"
        "    for content in (bytes(4 << 20), Path(sys.argv[1])):\n"
        "        try:\n"
        f"            await storage.put({NAME!r}, content)\n"
        "        except StorageUnavailable:\n"
        "            print('unavailable')\n"
        "asyncio.run(main())\n"
    )
    (tmp_path / "large").write_bytes(LARGE)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path / "large")), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.split() == [b"unavailable", b"unavailable"]
    assert not [file for file in (tmp_path / "media").rglob("*") if file.is_file() and "#" not in file.name]


async def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    storage = Folder(tmp_path / "media")
    (tmp_path / "file").write_bytes(b"x")
    for content in (b"x", tmp_path / "file"):
        with pytest.raises((StorageUnavailable, ValueError)):
            await storage.put(FileName("../outside"), content)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://example.com/bucket", "must be like s3://bucket/prefix"),
        ("s3://", "must be like s3://bucket/prefix"),
        ("s3://bucket?secret=hidden", "'secret' is not known"),
        ("s3://bucket?endpoint=http://storage.example.com&secret_access_key=hidden", "allow_http=1"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(url: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        open_storage(url, tmp_path)
    assert why in str(refusal.value)
    assert "hidden" not in str(refusal.value)
