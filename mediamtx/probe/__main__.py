"""`python -m mediamtx.probe`: makes a process for each order that comes at standard input; their answers go to standard output.

To start a process holds up whoever does it, and to load aiortc takes 0.2 s of CPU: this one does both, so that the control plane and each
probe need not. It ends, with all probes, when its standard input does: whoever started it is gone.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

from control_plane.niceness import give_way
from mediamtx.probe.launcher import serve

NICE = 10
"""One tenth of the processor against somebody who needs all of it: a probe at 15 starves there, and knows nothing."""
LARGEST_BYTES = 2 << 30
"""Of memory, each: whoever publishes decides how large the pictures are that we decode."""


def main() -> None:
    give_way(NICE)
    with suppress(OSError, ValueError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (LARGEST_BYTES, LARGEST_BYTES))
    serve(sys.stdin.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    main()
