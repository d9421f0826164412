"""`python -m mediamtx obtain`: have the pinned executable ready, and print where it is."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from mediamtx.errors import MediaMTXUnavailable
from mediamtx.obtain import binary
from mediamtx.obtain.pinned import RELEASE_URL

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def main() -> None:
    """Set up MediaMTX."""


@app.command()
def obtain(
    given: Annotated[Path | None, typer.Option("--bin", envvar="LIVE_MEDIAMTX_BIN", help="Use this one.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Instead of stagedoor's folder in the user's cache.")] = None,
    release_url: Annotated[str, typer.Option(help="Where release archives are, without the version.")] = RELEASE_URL,
) -> None:
    """Find, fetch or build the executable: progress goes to standard error, its path to standard output."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that a step's group is ended, too
    # An empty variable is how a shell says "unset"; as a path it would be the current folder.
    explicit = given if given and str(given) != "." else None
    try:
        path = binary.obtain(
            explicit=explicit,
            cache_directory=cache,
            release_url=release_url,
            progress=lambda line: typer.echo(f"mediamtx: {line}", err=True),
        )
    except MediaMTXUnavailable as error:
        typer.echo(f"mediamtx: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(path)


if __name__ == "__main__":
    app(prog_name="python -m mediamtx")
