"""Child processes: their unprivileged user, environment, resource limits, priority and deadline, and the files that
this user can read.

When the server runs as root, its children do not. Each kind of child has its own user id, so it can read neither the
files of another kind nor those of the server. Folders of root are often closed to other users (for example a virtual
environment below /root), so the children of root use copies below `ROOTS_STATE`.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import functools
import grp
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import IO

from control_plane.base import child_start
from control_plane.base.child_start import UNLIMITED
from control_plane.base.errors import ControlPlaneError, ErrorKind

ROOTS_STATE = Path("/var/lib/stagedoor")
"""Folder with the programs and files of the children of a server that runs as root."""

_UIDS = range(60_900, 61_184)
"""User ids that neither distributions nor systemd assign: https://systemd.io/UIDS-GIDS/."""
_INHERITED = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_LOCKED_S = 60.0
"""Age from which a scratch folder that no process has locked counts as left behind. Smaller: a folder is deleted between
its creation and its lock."""
_KILLED_S = 5.0
"""Time that the kernel has to end a killed process. Smaller: an error on a machine that swaps. Larger: the caller waits
longer for a child of hostile media that has left its session."""
TAIL_BYTES = 16_000
"""How much of a bounded child's output is kept. Larger: hostile media that provokes messages fills the memory."""
_OF_OUR_USER = ("PATH", "HOME", "TMPDIR")


class NoUnprivilegedUser(ControlPlaneError):
    """No user id is free for the children of a server that runs as root."""

    code = "no_unprivileged_user"
    kind = ErrorKind.STOPS


class Kind(IntEnum):
    """Kinds of child processes. Each kind runs as its own user id."""

    MEDIA_SERVER = 0
    WORKER = 1
    """Probes and ffmpeg."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits of one process. `memory_bytes` is RLIMIT_DATA: memory that the process can write. RLIMIT_AS also
    counts address space that threads and allocators only reserve, which is gigabytes on a machine with many cores."""

    memory_bytes: int = UNLIMITED
    cpu_s: int = UNLIMITED
    open_files: int = UNLIMITED
    nice: int = 0
    """Lowers the CPU priority, see `child_start.give_way`."""
    ends_with_parent: bool = False
    """Linux kills it when the server is killed, which could not do so itself."""

    def numbers(self, account: Account | None) -> tuple[int, ...]:
        """The arguments of `child_start.restrict`."""
        uid, gid = (account.uid, account.gid) if account else (UNLIMITED, UNLIMITED)
        return uid, gid, self.memory_bytes, self.cpu_s, self.open_files, self.nice, int(self.ends_with_parent)


@functools.cache
def account_for(kind: Kind) -> Account | None:
    """The user for children of this kind; None when the server is not root and children run as its own user. Raises
    NoUnprivilegedUser."""
    if os.geteuid() != 0:
        return None
    for uid in _UIDS[kind :: len(Kind)]:
        if not _is_known(uid):
            return Account(f"uid {uid}", uid, uid)
    raise NoUnprivilegedUser(
        f"All user ids from {_UIDS[0]} to {_UIDS[-1]} are in use on this machine, so none is free for the"
        " child processes of root. Start the server as a user other than root."
    )


def _is_known(uid: int) -> bool:
    with suppress(KeyError):
        pwd.getpwuid(uid)
        return True
    with suppress(KeyError):
        grp.getgrgid(uid)
        return True
    return False


def command(argv: Sequence[str | Path], account: Account | None, limits: Limits) -> list[str]:
    """The command line that sets the limits, changes to the account and then executes `argv` under the same process
    id."""
    numbers = ",".join(map(str, limits.numbers(account)))
    return [sys.executable, "-I", "-S", child_start.__file__, numbers, *map(str, argv)]


async def run(
    argv: Sequence[str | Path], account: Account | None, limits: Limits, deadline_s: float
) -> tuple[int, bytes]:
    """Run a program within limits. Returns its exit status and the end of what it wrote. Raises TimeoutError and
    OSError, see `finished`."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(argv, account, limits),
            env=environment(account),
            cwd="/" if account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return await finished(start, _end_of, deadline_s)


async def finished(
    start: Callable[[], subprocess.Popen[bytes]], read: Callable[[IO[bytes]], bytes], deadline_s: float
) -> tuple[int, bytes]:
    """Start a process that leads a session, and wait until it has ended. Returns its exit status and what `read` returns
    for its output.

    At the deadline, when `read` fails, and when the caller is cancelled, the whole session is killed: also what the
    process has started, which may outlive it. Raises TimeoutError, and what `start` and `read` raise.

    Everything happens in threads. Starting a process from the event loop blocks the loop for up to 0.1 s, because
    uvloop waits until the new process has executed its program.
    """
    starting = asyncio.ensure_future(asyncio.to_thread(start))
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            process = await starting
            _kill_session(process)
            await asyncio.to_thread(_finish, process, lambda _: b"")
        raise
    ending = asyncio.ensure_future(asyncio.to_thread(_finish, process, read))
    try:
        async with asyncio.timeout(deadline_s):
            return await asyncio.shield(ending)
    finally:
        _kill_session(process)
        await asyncio.wait([ending], timeout=_KILLED_S)


def _finish(process: subprocess.Popen[bytes], read: Callable[[IO[bytes]], bytes]) -> tuple[int, bytes]:
    assert process.stdout is not None
    try:
        with process.stdout as stdout:
            output = read(stdout)
    except BaseException:
        _kill_session(process)
        raise
    finally:
        status = process.wait()
    return status, output


def _end_of(output: IO[bytes]) -> bytes:
    written = b""
    while chunk := output.read1(TAIL_BYTES):  # type: ignore[attr-defined]
        written = (written + chunk)[-TAIL_BYTES:]
    return written


async def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process that leads a session, with its own children, and wait until it has ended."""
    if process.returncode is None:
        _kill_session(process)
        async with asyncio.timeout(_KILLED_S):
            await process.wait()


def _kill_session(process: asyncio.subprocess.Process | subprocess.Popen[bytes]) -> None:
    """No effect once the process is reaped: its id may be that of another one."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def restrict(account: Account | None, limits: Limits) -> None:
    """Apply the account and the limits to this process."""
    child_start.restrict(*limits.numbers(account))


def environment(account: Account | None, *more: str) -> dict[str, str]:
    """The environment of a child: the few variables that it needs, and those named in `more`. Others hold secrets."""
    names = (*_INHERITED, *more, *(() if account else _OF_OUR_USER))
    known = {name: os.environ[name] for name in names if name in os.environ}
    return known if account is None else {"PATH": os.defpath, "HOME": "/", **known}


def runnable(program: Path, account: Account | None) -> Path:
    """A path at which the account can execute the program: `program` itself, or a copy that is made once per content.
    Blocks. Raises OSError."""
    if account is None or is_readable(program):
        return program
    if not os.access(program, os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(program))
    with program.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    copy = ROOTS_STATE / "bin" / f"{program.name}-{digest[:32]}"
    if not copy.exists():
        make_public_folder(copy.parent)
        descriptor, name = tempfile.mkstemp(prefix=".copy-", dir=copy.parent)
        os.close(descriptor)
        try:
            shutil.copyfile(program, name)
            Path(name).chmod(0o755)
            Path(name).rename(copy)
        finally:
            Path(name).unlink(missing_ok=True)
    return copy


def is_readable(path: Path) -> bool:
    """Whether every user can read the file, and execute it if it is a program."""
    for place in {path.absolute(), path.resolve()}:
        if any(not folder.stat().st_mode & 0o001 for folder in place.parents):
            return False
    mode = path.stat().st_mode
    return bool(mode & 0o004) and bool(mode & 0o001 or not mode & 0o100)


def files_of(directory: Path, account: Account | None) -> Path:
    """The folder with the files of a child in place of `directory`, which its account cannot reach. Creates nothing."""
    if account is None:
        return directory
    mark = hashlib.sha256(bytes(directory.absolute().resolve())).hexdigest()[:16]
    return ROOTS_STATE / f"{directory.name}-{mark}"


def make_files_of(directory: Path, account: Account | None) -> Path:
    """Create the folder of `files_of`, writable for the server and readable for the account."""
    folder = files_of(directory, account)
    if account is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        make_public_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, 0, account.gid)
        folder.chmod(0o750)
    return folder


@contextmanager
def scratch(directory: Path, account: Account | None, prefix: str) -> Iterator[Path]:
    """A temporary folder that the account can write: in `directory`, or in a place that the account can reach. Removed
    on exit."""
    directory = scratch_place(directory, account)
    if account is not None:
        make_public_folder(directory)
        _sweep(directory)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=directory, ignore_cleanup_errors=True) as folder:
        if account is None:
            yield Path(folder)
        else:
            with _lock(folder):
                os.chown(folder, account.uid, account.gid)
                yield Path(folder)


def scratch_place(directory: Path, account: Account | None) -> Path:
    """The folder with the temporary folders of `scratch`. Creates nothing."""
    return directory if account is None else ROOTS_STATE / "scratch"


def take(file: Path, target: Path) -> None:
    """Copy a file that a child has written, atomically. Raises OSError for a link, because a child may link to a file
    of the server."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as source:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink != 1:
            raise OSError(errno.EINVAL, "not a regular file with a single link", str(file))
        temporary = target.with_name(f".{target.name}.new")
        with temporary.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        temporary.replace(target)


def _sweep(directory: Path) -> None:
    """Delete scratch folders that a killed server left behind: the kernel has ended their locks. Age alone says nothing,
    because a child may run for hours."""
    for folder in directory.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LOCKED_S:
                with _lock(folder):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lock(folder: str | Path) -> Iterator[None]:
    """Raises BlockingIOError if another process, or another call, has locked it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def make_public_folder(path: Path) -> None:
    """Create a folder that every user may enter, independent of the umask. Existing folders keep their permissions."""
    if not path.exists():
        make_public_folder(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
