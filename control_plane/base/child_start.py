"""The first program of a child process: sets resource limits, drops privileges and then executes the real program.

Usage: `python -I -S child_start.py <uid>,<gid>,<memory>,<cpu>,<open files>,<nice>,<ends> <program> <argument>…`. A
process with threads cannot do this safely between fork and exec. The script imports little, and only from the standard
library, so that it takes 20 ms.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress

UNLIMITED = -1
"""No limit. As a uid or gid: unchanged."""
AUTOGROUP = "/proc/self/autogroup"
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_NOT_STARTED = 127
_SIGNALLED_S = 5
"""Processor time from the signal to the kill, in which ffmpeg ends by itself. Less: its threads use it up, and it is killed."""


def give_way(nice: int) -> None:
    """Lower the CPU priority of this process; `nice` is from 1 (little) to 19.

    Where Linux groups processes by session (autogroup), only the niceness of the session counts against other sessions.
    It is set too if this process leads its session. The session of another process, such as a terminal, is left
    unchanged.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with suppress(OSError), open(AUTOGROUP, "w") as session:
            session.write(str(nice))


def restrict(
    uid: int, gid: int, memory_bytes: int, cpu_s: int, open_files: int, nice: int, ends_with_parent: int
) -> None:
    """Apply the user and the limits to this process. Raises OSError when the user cannot be changed. Limits that the
    system lacks are skipped."""
    os.umask(0o077)
    if nice:
        give_way(nice)  # before the change of user, which may not write the session's niceness
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_CPU, cpu_s, signalled=max(_SIGNALLED_S, cpu_s // 10))
    _limit(resource.RLIMIT_NOFILE, open_files)
    if uid != UNLIMITED:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if ends_with_parent:  # set after the change of user, which clears it
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _limit(kind: int, most: int, signalled: int = 0) -> None:
    """Set the soft and the hard limit. Falls back to the present hard limit where it may not be raised. `signalled`: how far
    below is the soft limit of processor time, whose signal tells it from other kills."""
    if most == UNLIMITED:
        return
    hard = resource.getrlimit(kind)[1]
    for value in (most, min(most, hard) if hard != resource.RLIM_INFINITY else most):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (max(min(1, value), value - signalled), value))
            return


def main(argv: list[str]) -> None:
    numbers, *program = argv[1:]
    try:
        restrict(*map(int, numbers.split(",")))
        os.execv(program[0], program)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        sys.exit(_NOT_STARTED)


if __name__ == "__main__":
    main(sys.argv)
