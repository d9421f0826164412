"""What a child process runs first: `python -I -S child_start.py <uid>,<gid>,<memory>,<cpu>,<open files> <program> <argument>…`.

It limits itself, becomes an unprivileged user, and then becomes the program. A process that has threads cannot do this safely between fork and
exec. Only the standard library is imported, and little of it, so that it takes 20 ms.
"""

import ctypes
import os
import resource
import sys
from contextlib import suppress

UNLIMITED = -1
"""Also a uid and gid that stay as they are."""
_PR_SET_NO_NEW_PRIVS = 38
_NOT_STARTED = 127


def restrict(uid: int, gid: int, memory_bytes: int, cpu_s: int, open_files: int) -> None:
    """Raises OSError where the user cannot be changed. A limit that a system does not know is left out."""
    os.umask(0o077)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_NOFILE, open_files)
    if uid != UNLIMITED:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _limit(kind: int, most: int) -> None:
    """Soft and hard. Never above a hard limit that we may not raise."""
    if most == UNLIMITED:
        return
    hard = resource.getrlimit(kind)[1]
    for value in (most, min(most, hard) if hard != resource.RLIM_INFINITY else most):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, value))
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
