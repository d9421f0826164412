"""The home directory of the embedded PostgreSQL: its path, owner and lock."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from control_plane.base.child import ROOTS_STATE, Account, make_public_folder
from control_plane.db.embedded.postmaster import clear_leftovers
from control_plane.db.embedded.programs import EmbeddedPostgresFailed

_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_MAX_BYTES = 100  # the kernels' limit is 107 (Linux) or 103 (macOS)


@dataclass(frozen=True, slots=True)
class Home:
    data_dir: Path
    path: Path
    account: Account | None
    """The account that runs PostgreSQL. None: our own user."""

    @property
    def cluster(self) -> Path:
        return self.path / "cluster"

    @property
    def log(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def door(self) -> Path:
        """The entry in the data directory: the home itself, or a link to it."""
        return self.data_dir / "postgres"


def home_of(data_dir: Path, account: Account | None, roots_state: Path = ROOTS_STATE) -> Home:
    data_dir = data_dir.absolute().resolve()
    if account is None:
        return Home(data_dir, (data_dir / "postgres").resolve(), None)
    return Home(data_dir, (roots_state / _mark(data_dir)).resolve(), account)


def socket_dir_of(home: Path) -> Path:
    """The home, or a temporary directory if the path is too long for a socket or has a comma, which separates hosts in
    a DSN."""
    if len(bytes(home / _SOCKET)) <= _SOCKET_PATH_MAX_BYTES and "," not in str(home):
        return home
    return Path(tempfile.gettempdir()).resolve() / f"stagedoor-{os.geteuid()}-{_mark(home)}"


def dsn_of(socket_dir: Path, role: str, database: str) -> str:
    return f"postgresql://{role}@/{database}?host={quote(str(socket_dir), safe='')}&port=5432"


def make_home(home: Home) -> None:
    """Create the home, accessible to its owner only. Raises EmbeddedPostgresFailed when it belongs to another user or
    another data directory."""
    home.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.account is None:
        home.path.mkdir(mode=0o700, exist_ok=True)
        _check_owner(home, os.geteuid())
        return
    if home.door.is_symlink() and home.door.readlink() != home.path:
        raise EmbeddedPostgresFailed(
            f"{home.door} is a link to {home.door.readlink()}, the database of another data directory: move this data "
            "directory back to its old path, or remove the link to start with an empty database."
        )
    if home.door.is_dir() and not home.door.is_symlink():
        raise EmbeddedPostgresFailed(
            f"The database in {home.door} was not made by root, and only its owner can run it: start as that user, or "
            "set LIVE_DATA_DIR to another directory."
        )
    make_public_folder(home.path.parent)
    if not home.path.exists():
        home.path.mkdir(mode=0o700)
        os.chown(home.path, home.account.uid, home.account.gid)
    _check_owner(home, home.account.uid)


def make_socket_dir(home: Path) -> Path:
    """Create the directory of the socket. Raises EmbeddedPostgresFailed when another user created it first, which is
    possible in the shared temporary directory."""
    folder = socket_dir_of(home)
    if folder != home:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if folder.is_symlink() or state.st_uid != os.geteuid() or state.st_mode & 0o077:
            raise EmbeddedPostgresFailed(
                f"{folder}, the directory for PostgreSQL's socket, belongs to another user or is open to others: "
                "remove it."
            )
    return folder


def lock_home(home: Home) -> int:
    """Lock the home. Returns a descriptor; the lock is held until it is closed or the process ends.

    Raises EmbeddedPostgresFailed when another process holds the lock.
    """
    descriptor = os.open(home.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip()
        os.close(descriptor)
        raise EmbeddedPostgresFailed(
            f"The data directory {home.data_dir} is in use by another process ({holder}): stop it first, or set "
            "LIVE_DATA_DIR to another directory."
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


async def tie_to_data_dir(home: Home) -> None:
    """Link the data directory to root's home. If there is a cluster without a link, the data directory was removed
    since: that cluster is renamed and kept, and not opened again."""
    if home.account is None or home.door.is_symlink():
        return
    if home.cluster.exists():
        await clear_leftovers(home.cluster)
        home.cluster.rename(home.path / f"cluster-until-{time.time_ns()}")
    home.door.symlink_to(home.path)


def _check_owner(home: Home, uid: int) -> None:
    for path in (home.path, home.cluster):
        if path.exists() and path.stat().st_uid != uid:
            raise EmbeddedPostgresFailed(
                f"{path} belongs to user {path.stat().st_uid}, but PostgreSQL would run as user {uid}: start as its "
                "owner, or set LIVE_DATA_DIR to another directory."
            )


def _mark(path: Path) -> str:
    return hashlib.sha256(bytes(path)).hexdigest()[:16]
