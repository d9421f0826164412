"""The data directory: created at the first start, checked for disk space, and locked by one server."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.settings import UPLOADS

NEEDED_BYTES = 64 << 20
"""Free space required to start: logs, thumbnails and the first files of a new database. Smaller: the start may fail
halfway with a less clear error."""


class DataDirectoryInUse(ControlPlaneError):
    """Another server holds the lock of the data directory."""

    code = "data_directory_in_use"
    kind = ErrorKind.STOPS


class NoDataDirectory(ControlPlaneError):
    """The data directory cannot be created or written, or its disk is full."""

    code = "no_data_directory"
    kind = ErrorKind.STOPS


@contextmanager
def data_directory(path: Path, needed_bytes: int = NEEDED_BYTES) -> Iterator[None]:
    """Create the data directory and hold its lock. Raises NoDataDirectory and DataDirectoryInUse."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(path).free
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NoDataDirectory(f"The data directory {path} cannot be used: {error.strerror}.") from None
    if free_bytes < needed_bytes:
        os.close(lock)
        raise NoDataDirectory(
            f"No disk space: {free_bytes >> 20} MB are free at {path}, and {needed_bytes >> 20} MB are needed to "
            "start. Free some space, or set LIVE_DATA_DIR to another disk."
        )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DataDirectoryInUse(
            f"Another server runs in {path}: stop it, or set LIVE_DATA_DIR to another directory."
        ) from None
    try:
        shutil.rmtree(path / UPLOADS, ignore_errors=True)  # of calls that a killed server did not end
        yield
    finally:
        os.close(lock)


def is_in_use(data_dir: Path) -> bool:
    """Whether a server holds the lock of the data directory."""
    try:
        with (data_dir / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
