"""Terminal output of the commands: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

Commands = Mapping[str, Callable[..., None]]
"""Functions by command name."""

FOLDS_AT = None if sys.stdout.isatty() else 1000
"""Columns. Output that is piped must not be folded, because scripts match whole lines."""

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]

out = Console(width=FOLDS_AT)
err = Console(stderr=True)


def progress(line: str) -> None:
    err.print(f"[dim]•[/] {line}", highlight=False)


def say(line: str) -> None:
    """Print a note to standard error, so that scripts that read standard output do not get it."""
    err.print(line, highlight=False, markup=False, soft_wrap=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before an act that cannot be undone, unless `--yes` was given. Ends the command when the answer is no, and
    when standard input has none."""
    if not yes:
        typer.confirm(question, abort=True, err=True)


def columns(*names: str) -> Table:
    """A table without borders."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)
