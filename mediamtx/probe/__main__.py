"""`python -m mediamtx.probe`: makes a process for each order that comes at standard input; their answers go to standard output.

To start a process holds up whoever does it, and to load aiortc takes 0.2 s of CPU: this one does both, so that the control plane and each
probe need not. It ends, with all probes, when its standard input does: whoever started it is gone.
"""

from __future__ import annotations

import sys

from control_plane.base import child
from control_plane.base.child import Kind, Limits
from control_plane.base.niceness import give_way
from mediamtx.probe import launcher

NICE = 10
"""One tenth of the processor against somebody who needs all of it: a probe at 15 starves there, and knows nothing."""
LIMITS = Limits(memory_bytes=2 << 30, open_files=256)
"""Of each: whoever publishes decides how large the pictures are that we decode. A WHEP connection opens a socket for each address of the
machine."""


def main() -> None:
    give_way(NICE)
    launcher.load()  # while we can read it: root's Python packages may be closed to the user that we become
    child.restrict(child.account_for(Kind.WORKER), LIMITS)
    launcher.serve(sys.stdin.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    main()
