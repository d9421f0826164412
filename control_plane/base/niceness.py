"""Giving way to everything else on the machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(nice: int) -> None:
    """From 1, a little, to 19. Where Linux groups processes by session, the niceness that counts between sessions is the session's: it is set
    too, if this process leads its session. Somebody else's, a terminal with all that runs in it, is left as it is."""
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(nice))
