"""How MediaMTX is told to run our hook script: its command line, and the private file with address and secret."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from control_plane.base import private_file
from control_plane.base.child import Account
from mediamtx.errors import MediaMTXNotStarted


def write_hook_file(path: Path, hooks_url: str, secret: str, reader: Account | None = None) -> None:
    private_file.replace(path, hook_file_text(hooks_url, secret), reader)


def hook_file_text(hooks_url: str, secret: str) -> str:
    """Two lines, address and secret: the hook starts for each event, and reading JSON would take it half its time."""
    return f"{hooks_url.rstrip('/')}/event\n{secret}\n"


def hook_command(script: Path, hook_file: Path, python: str = sys.executable) -> tuple[str, ...]:
    """An interpreter without site packages and user settings: it starts in 10 ms and obeys no environment."""
    return (python, "-I", "-S", str(script.resolve()), str(hook_file.resolve()))


def command_line(argv: Sequence[str]) -> str:
    """One `runOn…` value: MediaMTX splits it as a shell would, then expands `$NAME` even inside single quotes.

    v1.20.1 (internal/externalcmd) knows no way to escape a dollar sign: an argument with one is MediaMTXNotStarted.
    """
    for argument in argv:
        if "$" in argument:
            raise MediaMTXNotStarted(
                f"MediaMTX would expand the dollar sign in {argument!r}: move the project or its data directory"
            )
        if "\0" in argument or "\n" in argument:
            raise MediaMTXNotStarted(f"no command line of MediaMTX can hold {argument!r}")
    return shlex.join(argv)
