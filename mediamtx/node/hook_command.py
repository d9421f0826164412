"""The hook script's command line for MediaMTX, and the private hook file with the listener's address and secret."""

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
    """Two lines, address and secret. No JSON: importing a parser would take half of the hook's run time."""
    return f"{hooks_url.rstrip('/')}/event\n{secret}\n"


def hook_command(script: Path, hook_file: Path, python: str = sys.executable) -> tuple[str, ...]:
    """Run Python without site packages, user settings and environment variables, so that it starts in 10 ms."""
    return (python, "-I", "-S", str(script.resolve()), str(hook_file.resolve()))


def command_line(argv: Sequence[str]) -> str:
    """Render a `runOn…` value. MediaMTX splits it as a shell would, then expands `$NAME` even inside single quotes.

    v1.20.1 (internal/externalcmd) cannot escape a dollar sign. Raises MediaMTXNotStarted for an argument with one.
    """
    for argument in argv:
        if "$" in argument:
            raise MediaMTXNotStarted(
                f"MediaMTX would expand the dollar sign in {argument!r}: move the project or its data directory"
            )
        if "\0" in argument or "\n" in argument:
            raise MediaMTXNotStarted(
                f"no command line of MediaMTX can hold {argument!r}: move the project or its data directory"
            )
    return shlex.join(argv)
