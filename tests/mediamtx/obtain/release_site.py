"""A local server with the layout of the project's releases and a small stub as the executable, whose archive is
pinned."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from mediamtx.obtain.pinned import RELEASE_SHA256, VERSION, release_platform

ASSET = f"mediamtx_{VERSION}_{release_platform()}.tar.gz"
_COMMAND = """
import sys
from mediamtx.__main__ import app
from mediamtx.obtain.pinned import RELEASE_SHA256
RELEASE_SHA256[sys.argv[1]] = sys.argv[2]
app(sys.argv[3:], prog_name="python -m mediamtx")
"""
STAND_IN = f"#!/bin/sh\necho {VERSION}\n".encode()


@dataclass
class ReleaseSite:
    root: Path
    url: str = ""
    requested: list[str] = field(default_factory=list)

    @property
    def archive(self) -> Path:
        return self.root / VERSION / ASSET

    def publish(self, executable: bytes = STAND_IN, member: str = "mediamtx") -> None:
        """Publish an archive as the project's release workflow does. The last one is pinned."""
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        self.archive.write_bytes(archive_of({member: executable, "mediamtx.yml": b"", "LICENSE": b""}))
        RELEASE_SHA256[release_platform()] = hashlib.sha256(self.archive.read_bytes()).hexdigest()

    def command(self) -> list[str]:
        """`python -m mediamtx` with our archive as the pinned one."""
        return [sys.executable, "-c", _COMMAND, release_platform(), RELEASE_SHA256[release_platform()]]


def archive_of(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


@contextlib.contextmanager
def serving(root: Path) -> Iterator[ReleaseSite]:
    site = ReleaseSite(root)
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            site.requested.append(self.path.rpartition("/")[2])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(root)))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with patch.dict(RELEASE_SHA256):
            yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
