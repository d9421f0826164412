"""Terminal output of the commands: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console, RenderableType
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


class Columns(Table):
    """A table without borders. Its cells may hold what users wrote."""

    def __init__(self) -> None:
        super().__init__(box=None, pad_edge=False, padding=(0, 2, 0, 0))

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(harmless(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def harmless(text: str) -> str:
    """The text without what a terminal obeys: escape sequences, and characters that turn the direction of the text."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_obeyed(one) else one for one in text)


def _is_obeyed(one: str) -> bool:
    return (unicodedata.category(one) == "Cc" and one != "\n") or unicodedata.bidirectional(one) in _TURNS


_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def columns(*names: str) -> Columns:
    table = Columns()
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)
