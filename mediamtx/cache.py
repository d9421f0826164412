"""Where obtained executables are kept: verified before every use, replaced as a whole, one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mediamtx.pinned import VERSION, release_platform
from mediamtx.step import Progress, StepFailed

_LOCK_WAIT_S = 1800.0
_SCRATCH = "scratch-"


def default_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stagedoor"


@dataclass(frozen=True, slots=True)
class CachedBinary:
    """`<directory>/mediamtx_<version>_<os>_<arch>/` with the executable and, beside it, its SHA-256."""

    directory: Path

    @property
    def home(self) -> Path:
        return self.directory / f"mediamtx_{VERSION}_{release_platform()}"

    @property
    def path(self) -> Path:
        return self.home / "mediamtx"

    def verified(self) -> Path | None:
        """The executable if it is what was put there; None when there is none or it has changed since."""
        try:
            recorded = (self.home / "sha256").read_text(encoding="ascii").strip()
            intact = sha256_of(self.path) == recorded
        except (OSError, UnicodeDecodeError):
            return None
        return self.path if intact and os.access(self.path, os.X_OK) else None

    def discard(self, progress: Progress) -> None:
        """Remove what is there, if anything."""
        if self.home.exists():
            progress("the cached MediaMTX is damaged or was tampered with; obtaining it again")
            shutil.rmtree(self.home)

    def place(self, executable: Path) -> Path:
        """Move the file into the cache. Both names appear at once or not at all; needs the lock."""
        with scratch_directory(self.directory) as scratch:
            home = scratch / "home"
            home.mkdir()
            executable.rename(home / "mediamtx")
            (home / "sha256").write_text(sha256_of(home / "mediamtx") + "\n", encoding="ascii")
            home.rename(self.home)
        return self.path

    @contextlib.contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Held by one process at a time; the system lets go of it when the holder dies."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as lock:
            _wait_for(lock.fileno(), progress)
            for left_behind in self.directory.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left_behind)
            yield


@contextlib.contextmanager
def scratch_directory(directory: Path) -> Iterator[Path]:
    """A folder on the cache's own file system, so that results are renamed into place. Needs the lock."""
    with tempfile.TemporaryDirectory(dir=directory, prefix=_SCRATCH) as scratch:
        yield Path(scratch)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wait_for(descriptor: int, progress: Progress) -> None:
    deadline = time.monotonic() + _LOCK_WAIT_S
    announced = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not announced:
                progress("another process is obtaining MediaMTX; waiting for it")
                announced = True
            if time.monotonic() >= deadline:
                raise StepFailed(f"another process has been obtaining it for {_LOCK_WAIT_S / 60:.0f} minutes") from None
            time.sleep(0.2)
