"""Private files: mode 0600 from their first byte, and never half written, whatever is killed when."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control_plane.base.child import Account


def replace(path: Path, text: str, reader: Account | None = None) -> None:
    """Readers see the old file or the new one. The folder is made (0700) when missing. `reader`: a child process that may read it too (its
    group, mode 0640). Raises OSError."""
    with _written(path, text, reader) as temporary:
        temporary.rename(path)


def create(path: Path, text: str) -> bool:
    """False when the file exists, which then stays as it is: of several processes that create it at once, one does. Raises OSError."""
    with _written(path, text) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _written(path: Path, text: str, reader: Account | None = None) -> Iterator[Path]:
    """A complete file in the same folder, to be given its name. The name is on the disk when this is left."""
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
