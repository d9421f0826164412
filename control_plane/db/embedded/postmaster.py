"""The processes of a cluster: which there are, and how they are brought to an end."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

Step = tuple[signal.Signals, float]
"""What to send, and how many seconds it may take to work."""

FAST_S = 5.0

_ORPHANS: Sequence[Step] = ((signal.SIGQUIT, 0.3), (signal.SIGKILL, 2.0))
_POLL_S = 0.02


def shutdown(fast_s: float = FAST_S) -> Sequence[Step]:
    """For a postmaster: fast (sessions are cut, everything is written), immediate (recovery at the next start), by force."""
    return ((signal.SIGINT, fast_s), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0))


def name_of(cluster: Path) -> str:
    """PostgreSQL's setting cluster_name: it stands in the command line of every process of the cluster, for all to read."""
    return f"stagedoor-{hashlib.sha256(bytes(cluster)).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a postmaster writes about itself into `postmaster.pid` (PostgreSQL 16, src/include/utils/pidfile.h)."""

    pid: int
    socket_dir: Path
    ready: bool


def read_pid_file(cluster: Path) -> PidFile | None:
    """None when there is none, or only its beginning so far. It outlives a killed postmaster."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return PidFile(
            pid=abs(int(lines[0])),  # negative: a server of a single user
            socket_dir=Path(lines[4]) if len(lines) > 4 else Path(),
            ready=len(lines) > 7 and lines[7].strip() == "ready",
        )
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None


def postmaster_of(cluster: Path) -> psutil.Process | None:
    """The running postmaster that the pid file names: not another process that has its number by now, nor a zombie."""
    pid_file = read_pid_file(cluster)
    process = _postgres(pid_file.pid) if pid_file is not None else None
    return process if process is not None and _belongs(process, cluster) else None


async def shut_down(send: Callable[[int], None], gone: Callable[[], bool], steps: Sequence[Step]) -> None:
    """Take the steps one after the other until it is gone."""
    for number, deadline_s in steps:
        with suppress(psutil.NoSuchProcess):
            send(number)
            send(signal.SIGCONT)  # a stopped process obeys only SIGKILL
        if await wait_until(gone, deadline_s):
            return


async def wait_until(condition: Callable[[], bool], deadline_s: float, poll_s: float = _POLL_S) -> bool:
    """Whether it came true in time. `condition` is asked often and has to be quick."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(poll_s)
    return True


async def clear_leftovers(cluster: Path) -> None:
    """End every process of the cluster, the postmaster first and properly.

    Only for the holder of the home's lock: it takes for granted that what still runs was left behind by an owner who is dead.
    Backends outlive a killed postmaster until they notice, and as long as one does, no new postmaster can start.
    """
    pid_file = read_pid_file(cluster)
    if pid_file is None:
        return
    postmaster = postmaster_of(cluster)
    if postmaster is not None:
        await _end(postmaster, cluster, shutdown())
    orphans = await asyncio.to_thread(_processes_of, cluster)
    await asyncio.gather(*(_end(orphan, cluster, _ORPHANS) for orphan in orphans))
    if psutil.pid_exists(pid_file.pid) and _postgres(pid_file.pid) is None:
        # It names a stranger or a zombie, which PostgreSQL would take for a postmaster. What else it may name is left to
        # PostgreSQL: another server, which it respects, or nobody, and then it looks for that server's shared memory.
        (cluster / "postmaster.pid").unlink(missing_ok=True)


async def _end(process: psutil.Process, cluster: Path, steps: Sequence[Step]) -> None:
    await shut_down(process.send_signal, lambda: not _belongs(process, cluster), steps)


def _processes_of(cluster: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _belongs(process, cluster)]


def _belongs(process: psutil.Process, cluster: Path) -> bool:
    name = name_of(cluster)
    try:
        # The working folder would tell as well, but root in a container may not read it of another user's process.
        return process.is_running() and process.name() == "postgres" and any(name in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie is NoSuchProcess or has no command line
        return False


def _postgres(pid: int) -> psutil.Process | None:
    """The process, if it runs (a zombie does not) and is a PostgreSQL at all."""
    try:
        process = psutil.Process(pid)
        return process if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
