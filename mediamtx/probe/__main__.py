"""Probe launcher, `python -m mediamtx.probe`: forks a process for each order on standard input.

Answers go to standard output. Starting a process blocks the caller, and importing aiortc takes 0.2 s of CPU. The
launcher does both once, so that neither the control plane nor each probe has to. It exits, with all its probes, at the
end of its standard input: then its parent is gone.
"""

from __future__ import annotations

import sys

from control_plane.base import child
from control_plane.base.child import Kind, Limits
from control_plane.base.child_start import give_way
from mediamtx.probe import launcher

NICE = 10
"""Leaves a probe a tenth of the processor beside a process that uses all of it. At 15 a probe starves and cannot
decide."""
LIMITS = Limits(memory_bytes=2 << 30, open_files=256)
"""Limits of each probe. Memory: the publisher decides how large the decoded pictures are. Open files: a WHEP connection
opens a socket for each address of the machine."""


def main() -> None:
    give_way(NICE)
    launcher.load()  # before `restrict` changes the user, who may not be able to read root's Python packages
    child.restrict(child.account_for(Kind.WORKER), LIMITS)
    launcher.serve(sys.stdin.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    main()
