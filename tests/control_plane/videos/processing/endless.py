"""A probe of a file that never ends: uses up its processor time."""

from __future__ import annotations

from control_plane.base import child
from control_plane.base.child import Limits

if __name__ == "__main__":
    child.restrict(None, Limits(cpu_s=2))
    while True:
        pass
