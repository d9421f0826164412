"""CPU priority (niceness) of this process."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(nice: int) -> None:
    """Lower the CPU priority of this process; `nice` is from 1 (little) to 19.

    Where Linux groups processes by session (autogroup), only the niceness of the session counts against other sessions.
    It is set too if this process leads its session. The session of another process, such as a terminal, is left
    unchanged.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(nice))
