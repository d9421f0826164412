"""The postmaster and other processes of a cluster: find them, shut them down, kill orphans."""

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
"""A signal, and the seconds to wait for its effect."""

FAST_S = 5.0
"""Deadline of a fast shutdown. Shorter: the immediate shutdown that follows makes the next start recover from the WAL.
Longer: a hanging server delays our stop."""

_ORPHANS: Sequence[Step] = ((signal.SIGQUIT, 0.3), (signal.SIGKILL, 2.0))
_POLL_S = 0.02


def shutdown(fast_s: float = FAST_S) -> Sequence[Step]:
    """Steps for a postmaster: fast shutdown (disconnects sessions, writes a checkpoint), immediate shutdown (the next
    start recovers), SIGKILL."""
    return ((signal.SIGINT, fast_s), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0))


def name_of(cluster: Path) -> str:
    """PostgreSQL's setting cluster_name, which every process of the cluster shows in its command line."""
    return f"stagedoor-{hashlib.sha256(bytes(cluster)).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class PidFile:
    """The content of `postmaster.pid` (PostgreSQL 16, src/include/utils/pidfile.h)."""

    pid: int
    socket_dir: Path
    ready: bool


def read_pid_file(cluster: Path) -> PidFile | None:
    """None: there is no file, or it is incomplete. The file remains when a postmaster is killed."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return PidFile(
            pid=abs(int(lines[0])),  # negative in single-user mode
            socket_dir=Path(lines[4]) if len(lines) > 4 else Path(),
            ready=len(lines) > 7 and lines[7].strip() == "ready",
        )
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None


def postmaster_of(cluster: Path) -> psutil.Process | None:
    """The running postmaster that the pid file names. None also for a zombie, and for another process with a reused
    pid."""
    pid_file = read_pid_file(cluster)
    process = _postgres(pid_file.pid) if pid_file is not None else None
    return process if process is not None and _belongs(process, cluster) else None


async def shut_down(send: Callable[[int], None], gone: Callable[[], bool], steps: Sequence[Step]) -> None:
    """Take the steps in order until the process is gone."""
    for number, deadline_s in steps:
        with suppress(psutil.NoSuchProcess):
            send(number)
            send(signal.SIGCONT)  # a stopped process obeys only SIGKILL
        if await wait_until(gone, deadline_s):
            return


async def wait_until(condition: Callable[[], bool], deadline_s: float, poll_s: float = _POLL_S) -> bool:
    """Poll `condition` until it is true or the deadline passes; returns which. It must be fast and must not block."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(poll_s)
    return True


async def clear_leftovers(cluster: Path) -> None:
    """End every process of the cluster. The postmaster gets a proper shutdown first.

    The caller must hold the home's lock, which implies that the owner of these processes is dead. Backends survive a
    killed postmaster until they notice, and no new postmaster can start while one of them runs.
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
        # The pid belongs to a zombie or to a process that is no PostgreSQL, which PostgreSQL would mistake for a
        # postmaster. PostgreSQL itself handles the other cases: another server, and a pid that does not run.
        (cluster / "postmaster.pid").unlink(missing_ok=True)


async def _end(process: psutil.Process, cluster: Path, steps: Sequence[Step]) -> None:
    await shut_down(process.send_signal, lambda: not _belongs(process, cluster), steps)


def _processes_of(cluster: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _belongs(process, cluster)]


def _belongs(process: psutil.Process, cluster: Path) -> bool:
    name = name_of(cluster)
    try:
        # The working directory would identify it too, but root in a container cannot read that of another user's
        # process.
        return process.is_running() and process.name() == "postgres" and any(name in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie is NoSuchProcess or has no command line
        return False


def _postgres(pid: int) -> psutil.Process | None:
    """The process, if it is a running PostgreSQL and no zombie."""
    try:
        process = psutil.Process(pid)
        return process if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
