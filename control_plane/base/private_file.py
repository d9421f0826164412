"""Private files, written atomically: mode 0600 from the first byte, and never half written, even when the process is
killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def _written(path: Path, text: str, reader: Account | None = None) -> Iterator[Path]:
    """Yield a complete temporary file in the same folder, for the caller to rename or link. The exit flushes the new
    name to disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            if reader is not None:
                os.fchown(descriptor, -1, reader.gid)
                os.fchmod(descriptor, 0o640)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
