"""Private files: mode 0600 from the first byte. Those that are replaced or created are never half written, even when the
process is killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from control_plane.base.child import Account


def replace(path: Path, text: str, reader: Account | None = None) -> None:
    """Write the file atomically: readers see the old content or the new. A missing folder is created with mode 0700.
    `reader`: the account of a child process that may read the file too (by its group, mode 0640). Raises OSError."""
    with _written(path, text, reader) as temporary:
        temporary.rename(path)


def create(path: Path, text: str) -> bool:
    """Create the file; return False and leave it unchanged when it exists. Of several processes that create it at once,
    one succeeds. Raises OSError."""
    with _written(path, text) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """Replace the file atomically by what is written to the yielded one. After an error the old file stays. Raises
    OSError."""
    with _temporary(path) as (descriptor, temporary):
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        temporary.rename(path)


def append(path: Path) -> BinaryIO:
    """Open a log for appending, unbuffered, by us and by children that inherit it. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)


def sync_folder(path: Path) -> None:
    """Flush to disk which names the folder holds, so that a rename survives a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _written(path: Path, text: str, reader: Account | None = None) -> Iterator[Path]:
    """Yield a complete temporary file in the same folder, for the caller to rename or link. The exit flushes the new
    name to disk."""
    with _temporary(path) as (descriptor, temporary):
        with open(descriptor, "w", encoding="utf-8") as file:
            if reader is not None:
                os.fchown(descriptor, -1, reader.gid)
                os.fchmod(descriptor, 0o640)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        yield temporary


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[int, Path]]:
    """Yield a new file in the same folder, open for writing, for the caller to close and to rename or link."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        yield descriptor, temporary
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
