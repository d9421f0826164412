"""Download MediaMTX's official release archive, `<url>/<version>/mediamtx_<version>_<os>_<arch>.tar.gz`."""

from __future__ import annotations

import http.client
import shutil
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from mediamtx.obtain.cache import sha256_of
from mediamtx.obtain.pinned import RELEASE_SHA256, VERSION, release_platform
from mediamtx.obtain.step import Progress, StepFailed

_ANSWER_S = 5.0
"""Timeout for the name lookup, connection, redirects and first byte. Larger: a machine without a network waits longer
before it builds MediaMTX. Smaller: slow networks fail."""
_STALL_S = 20.0
_DOWNLOAD_S = 180.0
_ARCHIVE_BYTES_MAX = 256 << 20
_EXECUTABLE_BYTES_MAX = 512 << 20

T = TypeVar("T")


def download(base_url: str, scratch: Path, progress: Progress) -> Path:
    """Unpack the executable into `scratch` and return its path. Raises StepFailed, within seconds without a network.

    The archive must have the pinned digest. A checksum file beside the archive proves nothing: an attacker who
    replaces one replaces both."""
    asset = f"mediamtx_{VERSION}_{release_platform()}.tar.gz"
    expected = RELEASE_SHA256.get(release_platform())
    if expected is None:
        raise StepFailed(f"no SHA-256 is pinned for {asset}")
    progress(f"downloading {asset}")
    archive = _fetch(f"{base_url.rstrip('/')}/{VERSION}/{asset}", scratch / asset, _ARCHIVE_BYTES_MAX)
    if sha256_of(archive) != expected:
        raise StepFailed(f"{asset} does not have the SHA-256 that is pinned; it is damaged or was tampered with")
    return _unpack(archive, scratch / "mediamtx")


def _fetch(url: str, target: Path, bytes_max: int) -> Path:
    if not url.startswith(("https://", "http://")):
        raise StepFailed(f"{url} is not an http address")
    deadline = time.monotonic() + _DOWNLOAD_S
    try:
        # A name lookup has no timeout, so it runs in a thread; a lookup that hangs leaves its thread behind.
        opened = within(_ANSWER_S, lambda: urllib.request.urlopen(url, timeout=_STALL_S))  # noqa: S310
        with cast(BinaryIO, opened) as response, target.open("wb") as file:
            size_bytes = 0
            while chunk := response.read(1 << 16):
                size_bytes += len(chunk)
                if size_bytes > bytes_max or time.monotonic() > deadline:
                    raise StepFailed(f"{url} is too large or too slow")
                file.write(chunk)
    except urllib.error.HTTPError as error:
        error.close()
        raise StepFailed(f"{url} answered {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise StepFailed(f"{url} cannot be reached ({reason})") from error
    return target


def _unpack(archive: Path, target: Path) -> Path:
    """Extract only the executable, to `target`. No path comes from the archive, so it cannot write elsewhere."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            member = next((m for m in tar if m.name in ("mediamtx", "./mediamtx") and m.isreg()), None)
            source = tar.extractfile(member) if member else None
            if member is None or source is None or member.size > _EXECUTABLE_BYTES_MAX:
                raise StepFailed(f"{archive.name} contains no executable `mediamtx` of at most 512 MB")
            with source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise StepFailed(f"{archive.name} cannot be unpacked ({error})") from error
    return target


def within(seconds: float, call: Callable[[], T]) -> T:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # raised in the caller's thread by result()
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
