"""PostgreSQL's log file: rotation, and error texts made from its last lines."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control_plane.db.embedded.programs import EmbeddedPostgresFailed

_MAX_BYTES = 10_000_000
"""Size at which a start rotates the log; one old file is kept."""
_TAIL_BYTES = 8_000
_QUOTED_LINES = 4
"""Lines of the log in an error text. More hides the text, fewer may leave out the cause."""
_TROUBLE = re.compile(r"\b(?:FATAL|PANIC|ERROR|HINT|error|hint): ")
_NO_SPACE = "No space left on device"


def size_bytes(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def roll(log: Path) -> None:
    if size_bytes(log) > _MAX_BYTES:
        log.replace(log.with_suffix(".log.1"))


def written_since(log: Path, since_bytes: int) -> list[str]:
    """The lines after the first `since_bytes`, at most the last _TAIL_BYTES of them."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(since_bytes, size_bytes(log) - _TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()


def failure(what: str, log: Path, since_bytes: int) -> EmbeddedPostgresFailed:
    """An error that says `what` failed, with the reasons from the log."""
    lines = written_since(log, since_bytes)
    if any(_NO_SPACE in line and "shared memory" not in line for line in lines):
        return EmbeddedPostgresFailed(f"{what}: no space is left on the disk.")
    reported = [line for line in lines if _TROUBLE.search(line)] or lines
    if not reported:
        return EmbeddedPostgresFailed(f"{what}, and wrote nothing to {log}.")
    reasons = "\n".join(f"    {line}" for line in reported[-_QUOTED_LINES:])
    return EmbeddedPostgresFailed(f"{what}. From {log}:\n{reasons}")


@contextmanager
def os_errors_told() -> Iterator[None]:
    """Convert OSError into EmbeddedPostgresFailed."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise EmbeddedPostgresFailed("PostgreSQL cannot be set up: no space is left on the disk.") from error
        where = f": {error.filename}" if error.filename else ""
        raise EmbeddedPostgresFailed(f"PostgreSQL cannot be set up: {error.strerror or error}{where}.") from error
