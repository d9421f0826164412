"""Files that hold a secret: closed to others from their first byte, and replaced as a whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from control_plane.base.child import Account


def write_private(path: Path, text: str, reader: Account | None = None) -> None:
    """Mode 0600, or 0640 with the group of the child that reads it. Readers see the old file or the new one. The folder is made (0700) when
    missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if reader is not None:
                os.fchown(descriptor, -1, reader.gid)
                os.fchmod(descriptor, 0o640)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
