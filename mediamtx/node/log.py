"""MediaMTX's log file: rotation, and the reason of a failed start.

MediaMTX appends to a file, not to a pipe, so that it keeps running when the control plane that started it dies.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from control_plane.base import private_file
from mediamtx.errors import MediaMTXNotStarted, PortTaken

BYTES_MAX = 16 << 20
_GENERATIONS = 3
_TAIL_BYTES = 4096
_LINES = 3
_NOT_ALLOWED = re.compile(r"listen (?:tcp|udp)[0-9]? \S*:([0-9]+): bind: permission denied")
_IN_USE = re.compile(r"listen (tcp|udp)[0-9]? \S*:([0-9]+): bind: address already in use")


@dataclass(frozen=True, slots=True)
class ServerLog:
    path: Path

    def open(self) -> BinaryIO:
        """Open for appending, by us and by a child that inherits it. Only the owner can read the file."""
        return private_file.append(self.path)

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def rotate(self) -> None:
        """Rename the file; call it while MediaMTX is stopped. Keeps the last `_GENERATIONS` files."""
        if self.size_bytes:
            self._shift()
            self.path.rename(self._old(1))

    def trim(self) -> None:
        """Copy and truncate a file of more than `BYTES_MAX` while MediaMTX runs. May lose a line. Blocks."""
        if self.size_bytes > BYTES_MAX:
            self._shift()
            shutil.copy2(self.path, self._old(1))
            os.truncate(self.path, 0)

    def failure(self, what: str, since_bytes: int, listeners: Mapping[tuple[str, int], str]) -> MediaMTXNotStarted:
        """Build the error for a failed start: `what` happened, with the reason found in the log after `since_bytes`.

        `listeners` are those of `MediaMTXConfig`.
        """
        words = self._tail(since_bytes)
        if taken := _IN_USE.search(words):
            port = int(taken[2])
            if name := listeners.get((taken[1], port)):
                return PortTaken(name, port)
        if refused := _NOT_ALLOWED.search(words):
            return MediaMTXNotStarted(
                f"MediaMTX may not listen on port {refused[1]}: it does not run as root, even if root starts it. "
                "Set a port from 1024 up and redirect this one to it, or lower net.ipv4.ip_unprivileged_port_start"
            )
        lines = [line for line in words.splitlines() if line.strip()][-_LINES:]
        said = "; it said: " + " | ".join(lines) if lines else " and said nothing"
        return MediaMTXNotStarted(f"MediaMTX {what}{said}")

    def _tail(self, since_bytes: int) -> str:
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(since_bytes, self.size_bytes - _TAIL_BYTES))
            return file.read().decode(errors="replace")

    def _old(self, generation: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{generation}")

    def _shift(self) -> None:
        for generation in range(_GENERATIONS - 1, 0, -1):
            if self._old(generation).exists():
                self._old(generation).replace(self._old(generation + 1))
