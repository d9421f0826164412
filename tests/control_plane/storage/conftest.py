from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from control_plane.db.pool import Database
from control_plane.storage.files import Files
from control_plane.storage.model import Storage
from control_plane.storage.places import open_storage

_numbers = count(1)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def new_bucket(s3: str) -> str:
    """A `LIVE_STORAGE_URL` with a bucket of its own."""
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, Signature=x"}
    request = urllib.request.Request(f"{s3}/{name}", method="PUT", data=b"", headers=signed)
    urllib.request.urlopen(request).close()
    return f"s3://{name}/files?endpoint={s3}&region=us-east-1&access_key_id=key&secret_access_key=secret"


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    url = new_bucket(request.getfixturevalue("s3")) if request.param == "s3" else ""
    return open_storage(url, tmp_path / "media")


@pytest.fixture
def files(storage: Storage, database: Database) -> Files:
    return Files(storage, database)
