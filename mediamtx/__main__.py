"""Command line `python -m mediamtx obtain`: find, download or build the pinned executable and print its path."""

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
    given: Annotated[Path | None, typer.Option("--bin", envvar="LIVE_MEDIAMTX_BIN", help="Executable.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Cache folder. Default: ~/.cache/stagedoor.")] = None,
    release_url: Annotated[str, typer.Option(help="URL of the archives, without the version.")] = RELEASE_URL,
) -> None:
    """Find, download or build the executable. Prints progress to standard error and the path to standard output."""
    # Exit by an exception, so that run_step also kills the process group of the running step.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # Treat an empty LIVE_MEDIAMTX_BIN as unset; as a path it would be the current folder.
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
